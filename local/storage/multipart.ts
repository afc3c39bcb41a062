import { refuse } from "./errors.ts";

/** One part of a multipart/form-data body. */
export interface Part {
    readonly name: string | undefined;
    readonly fileName: string | undefined;
    readonly contentType: string | undefined;
    /** Must be read, or is skipped, before the next part is asked for. */
    readonly body: AsyncIterable<Buffer>;
}

/** Bytes of a part's headers. */
const longestHeaders = 16 * 1024;
const lineEnd = "\r\n";
const headersEnd = Buffer.from("\r\n\r\n");

/** The boundary that a Content-Type names; undefined when it is not multipart/form-data. */
export function boundaryOf(contentType: string | undefined): string | undefined {
    if (!/^multipart\/form-data\b/i.test(contentType ?? "")) return undefined;
    const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType ?? "");
    const boundary = found?.[1] ?? found?.[2];
    if (boundary === undefined) throw refuse.invalidRequest("Multipart: Boundary not found");
    return boundary;
}

/** The parts of a body, one after the other, without ever holding more than a chunk of it. */
export async function* readParts(source: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<Part> {
    const chunks = source[Symbol.asyncIterator]();
    const delimiter = Buffer.from(`${lineEnd}--${boundary}`);
    // The first delimiter has no line before it; with one put in front it looks like all others.
    let pending = Buffer.from(lineEnd);

    async function more(): Promise<void> {
        const next = await chunks.next();
        if (next.done) throw refuse.invalidRequest("Unexpected end of form");
        pending = Buffer.concat([pending, next.value]);
    }

    /** What comes before `mark`, in pieces; the mark itself is swallowed. */
    async function* until(mark: Buffer): AsyncGenerator<Buffer, void, undefined> {
        for (;;) {
            const at = pending.indexOf(mark);
            // The mark may be cut by the end of a chunk: its length is held back.
            const ready = at >= 0 ? at : Math.max(0, pending.length - mark.length + 1);
            const piece = pending.subarray(0, ready);
            pending = pending.subarray(at >= 0 ? at + mark.length : ready);
            if (piece.length > 0) yield piece;
            if (at >= 0) return;
            await more();
        }
    }

    async function take(length: number): Promise<string> {
        while (pending.length < length) await more();
        const taken = pending.subarray(0, length).toString("latin1");
        pending = pending.subarray(length);
        return taken;
    }

    for await (const _preamble of until(delimiter));
    for (;;) {
        const tail = await take(2);
        if (tail === "--") return;
        if (tail !== lineEnd) throw refuse.invalidRequest("Malformed part header");
        // A part without headers ends them at once: its own line end is given back, to be found as the end.
        pending = Buffer.concat([Buffer.from(lineEnd), pending]);
        // Decoded when complete: a chunk may end in the middle of a character.
        let headers = Buffer.alloc(0);
        for await (const piece of until(headersEnd)) {
            headers = Buffer.concat([headers, piece]);
            if (headers.length > longestHeaders) throw refuse.invalidRequest("Malformed part header");
        }
        const body = until(delimiter);
        yield {
            ...describe(headers.toString("utf8")),
            body: { [Symbol.asyncIterator]: () => ({ next: () => body.next() }) },
        };
        while (!(await body.next()).done);
    }
}

function describe(headers: string): Omit<Part, "body"> {
    const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(headers)?.[1] ?? "";
    return {
        name: parameter(disposition, "name"),
        fileName: parameter(disposition, "filename"),
        contentType: /^content-type:\s*(.*?)\s*$/im.exec(headers)?.[1],
    };
}

function parameter(disposition: string, name: string): string | undefined {
    return new RegExp(`;\\s*${name}="([^"]*)"`, "i").exec(disposition)?.[1];
}
