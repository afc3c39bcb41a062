import { createHash, randomUUID } from "node:crypto";
import type { ReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { refuse } from "./errors.ts";

/** Bytes that arrived and have no name yet. */
export interface Received {
    readonly size: number;
    /** MD5 in hexadecimal: what S3 calls the ETag of an object uploaded in one piece. */
    readonly md5: string;
    /** Makes the bytes readable as `version`. */
    keep(version: string): Promise<void>;
    discard(): Promise<void>;
}

export interface Range {
    readonly start: number;
    /** The last byte, inclusive. */
    readonly end: number;
}

/** The bytes of objects, each in a file named by a version id of our own making: no user's text becomes a path. */
export interface Files {
    /** Writes `body` to disk as it comes; refuses (413) as soon as it is longer than `limit` bytes. */
    receive(body: AsyncIterable<Buffer>, limit: number): Promise<Received>;
    /** Size in bytes; undefined when there is no such version. */
    size(version: string): Promise<number | undefined>;
    /** Throws the refusal for a version that is not there. */
    read(version: string, range: Range): Promise<ReadStream>;
    /** Forgets versions; one that is gone already is no error. */
    forget(versions: readonly (string | null | undefined)[]): Promise<void>;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Milliseconds after which a half-received upload is litter of a process that died. */
const abandoned = 24 * 60 * 60 * 1000;

/** Opens (or makes) the folder `dir`. */
export async function openFiles(dir: string): Promise<Files> {
    const kept = join(dir, "objects");
    const incoming = join(dir, "incoming");
    for (const folder of [kept, incoming]) await mkdir(folder, { recursive: true, mode: 0o700 });
    await sweep(incoming);

    // A version read from the table is checked too: whoever may update the row with SQL could put a path there.
    const pathOf = (version: string) => (uuid.test(version) ? join(kept, version) : undefined);

    return {
        receive: (body, limit) => receive(body, limit, incoming, kept),
        size: async version => {
            const path = pathOf(version);
            return path === undefined ? undefined : await unlessMissing(stat(path).then(found => found.size));
        },
        read: async (version, { start, end }) => {
            const path = pathOf(version);
            const file = path === undefined ? undefined : await unlessMissing(open(path, "r"));
            if (file === undefined) throw refuse.noSuchFile();
            return file.createReadStream({ start, end });
        },
        forget: async versions => {
            const paths = versions.map(version => pathOf(version ?? "")).filter(path => path !== undefined);
            await Promise.all(paths.map(path => rm(path, { force: true })));
        },
    };
}

async function unlessMissing<T>(opened: Promise<T>): Promise<T | undefined> {
    try {
        return await opened;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
    }
}

async function receive(body: AsyncIterable<Buffer>, limit: number, incoming: string, kept: string): Promise<Received> {
    const path = join(incoming, randomUUID());
    const discard = () => rm(path, { force: true });
    const hash = createHash("md5");
    let size = 0;
    const file = await open(path, "wx", 0o600);
    try {
        for await (const chunk of body) {
            size += chunk.length;
            if (size > limit) throw refuse.entityTooLarge();
            hash.update(chunk);
            await file.writeFile(chunk);
        }
    } catch (error) {
        await file.close();
        await discard();
        throw error;
    }
    await file.close();
    return { size, md5: hash.digest("hex"), keep: version => rename(path, join(kept, version)), discard };
}

async function sweep(folder: string): Promise<void> {
    for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const { mtimeMs } = await stat(path);
        if (Date.now() - mtimeMs > abandoned) await rm(path, { force: true });
    }
}
