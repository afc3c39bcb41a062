import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * Where a trip is caught. A `question` never arrives; `work`: the server has it, and the act comes at once; the server
 * has done the whole of an `answer`, which never arrives. `passing` stops nothing: whoever asks goes on.
 */
export type Side = "question" | "work" | "answer" | "passing";

/** One message of PostgreSQL's protocol on its way. */
interface Frame {
    /** Its type byte; empty for the first message of a client, which has none. */
    readonly type: string;
    readonly bytes: Buffer;
}

/**
 * A way to a server that counts what a client asks, and does something at one chosen question, exactly: so a fault needs
 * no luck with the time. A trip is what a client sends until it waits for the server (PostgreSQL documentation, 55.2
 * "Message Flow": it ends with ReadyForQuery), and each notice in between, since statements that run in one trip tell
 * by it how far they are.
 */
export interface Tripwire {
    readonly port: number;
    /**
     * Does something at the nth trip from now, or at the first that begins like this, of whatever connection. Nothing more gets through that connection, unless
     * it was only passing.
     *
     * @param act given the number of the server's process for that connection; 0 before it is known
     */
    arm(nth: number | RegExp, side: Side, act: (backend: number) => void): void;
    /** Lets everything pass again. @returns the trips since `arm`, by how they began; whether it was caught is `caught` */
    disarm(): { readonly trips: readonly string[]; readonly caught: boolean };
    /** Cuts whatever is connected now, towards both ends. */
    cut(): void;
    close(): Promise<void>;
}

/** Starts it before a server. The caller closes it. */
export async function tripwire(target: { readonly host: string; readonly port: number }): Promise<Tripwire> {
    const sockets = new Set<Socket>();
    let armed:
        { readonly nth: number | RegExp; readonly side: Side; readonly act: (backend: number) => void } | undefined;
    let trips: string[] = [];
    let caught = false;

    const server = createServer(client => {
        const upstream = connect(target);
        let stopped = false;
        let backend = 0;
        /** The trip that is under way is the one to be caught. */
        let marked = false;
        for (const socket of [client, upstream]) {
            sockets.add(socket);
            socket.setNoDelay(true);
            // Either end may reset the connection: that is what this is for.
            socket.on("error", () => {});
            socket.on("close", () => {
                sockets.delete(socket);
                client.destroy();
                upstream.destroy();
            });
        }
        const spring = () => {
            stopped = armed?.side !== "passing";
            caught = true;
            armed?.act(backend);
        };
        /** Counts a trip. @returns whether it is the one to be caught */
        const count = (what: string): boolean => {
            if (caught || armed === undefined) return false;
            trips.push(what);
            return typeof armed.nth === "number" ? trips.length === armed.nth : armed.nth.test(what);
        };

        let waiting = false;
        const fromClient = splitter(true);
        client.on("data", data => {
            for (const { type, bytes } of fromClient(data)) {
                if (stopped) return;
                // Terminate asks for nothing.
                if (!waiting && type !== "X") {
                    waiting = true;
                    marked = count(textOf(type, bytes));
                    if (marked && armed?.side === "question") return spring();
                    if (marked && armed?.side === "passing") {
                        // What it arms next is another trip's.
                        marked = false;
                        spring();
                    }
                }
                upstream.write(bytes);
                // What ends a trip on the client's side: a simple query, the Sync of an extended one, or the start-up.
                if (marked && armed?.side === "work" && ["Q", "S", ""].includes(type)) return spring();
            }
        });
        const fromServer = splitter(false);
        upstream.on("data", data => {
            for (const { type, bytes } of fromServer(data)) {
                if (stopped) return;
                if (type === "K") backend = bytes.readInt32BE(5);
                if (type === "Z") {
                    waiting = false;
                    if (marked && armed?.side === "answer") return spring();
                    marked = false;
                }
                if (type === "N" && count(`notice: ${noticeText(bytes)}`)) spring();
                if (stopped) return;
                client.write(bytes);
            }
        });
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    return {
        port: (server.address() as AddressInfo).port,
        arm(nth, side, act) {
            armed = { nth, side, act };
            trips = [];
            caught = false;
        },
        disarm() {
            const outcome = { trips, caught };
            armed = undefined;
            return outcome;
        },
        cut() {
            for (const socket of sockets) socket.destroy();
        },
        async close() {
            for (const socket of sockets) socket.destroy();
            await new Promise(resolve => server.close(resolve));
        },
    };
}

/** Cuts a stream into messages. PostgreSQL documentation, 55.7 "Message Formats": type, length without the type, body. */
function splitter(first: boolean): (data: Buffer) => Frame[] {
    let rest = Buffer.alloc(0);
    let typeBytes = first ? 0 : 1;
    return data => {
        rest = Buffer.concat([rest, data]);
        const frames: Frame[] = [];
        while (rest.length >= typeBytes + 4) {
            const length = typeBytes + rest.readInt32BE(typeBytes);
            if (rest.length < length) break;
            frames.push({ type: rest.toString("latin1", 0, typeBytes), bytes: rest.subarray(0, length) });
            rest = rest.subarray(length);
            typeBytes = 1;
        }
        return frames;
    };
}

/** The statement of a question, as far as it tells one from another. */
function textOf(type: string, bytes: Buffer): string {
    if (type === "") return "start-up";
    if (type === "p") return "password";
    // Parse begins with the name of the statement, which pg leaves empty.
    const text = bytes.toString("utf8", type === "P" ? 6 : 5);
    return (text.split("\0")[0] ?? "").trim().replaceAll(/\s+/g, " ").slice(0, 120);
}

function noticeText(bytes: Buffer): string {
    return /\0M([^\0]*)/.exec(bytes.toString("utf8", 5))?.[1] ?? "";
}
