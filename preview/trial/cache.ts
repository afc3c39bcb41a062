import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encode, type Migration } from "../../runner/migration/migration.ts";
import { type Look, tablesWithRows } from "../look/look.ts";
import { codeHash } from "../ownCode.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Proof, Trial } from "./observation.ts";

/** What is kept of a rehearsal: all but the look, which is made anew each time. */
export interface Kept {
    readonly proof: Proof;
    readonly up: readonly Trial[];
    readonly down: readonly Trial[];
}

/** What has a say in a result, besides the target's catalog. */
export interface Circumstances {
    readonly pending: readonly Migration[];
    readonly toRollBack: readonly Migration[];
    /** Whatever else: settings, roles, where the shadow is. Only its hash is kept. */
    readonly other: readonly unknown[];
}

/** How many results are kept. */
const keptResults = 20;

/** The name of the result that these circumstances lead to; the same again only while nothing of them changes. */
export async function cacheKey(look: Look, { pending, toRollBack, other }: Circumstances): Promise<string> {
    const hash = createHash("sha256");
    for (const part of [
        await codeHash(),
        look.catalogHash,
        look.serverVersion,
        look.runsAs,
        ...look.ledgerRows,
        JSON.stringify([look.extensionFiles, look.populated, look.collations, look.hasSupautils]),
        // Whether an error is the migration's is asked of these.
        ...[...tablesWithRows(look)].sort(),
        ...pending.map(migration => `up ${migration.slug} ${encode(migration)}`),
        ...toRollBack.map(migration => `down ${migration.slug} ${encode(migration)}`),
        JSON.stringify(other),
    ]) {
        hash.update(part).update("\0");
    }
    return hash.digest("hex").slice(0, 32);
}

/** The result of that name; undefined when there is none, or none that can be read. */
export async function readKept(folder: string, key: string, look: Look): Promise<Kept | undefined> {
    const file = join(folder, `${key}.json`);
    try {
        const { proof, up, down } = JSON.parse(await readFile(file, "utf8")) as Packed;
        let catalog: Catalog = look.catalog;
        const unpack = ({ before, after, ...trial }: PackedTrial): Trial => {
            const was = patched(catalog, before);
            catalog = patched(was, after);
            return { ...trial, before: was, after: catalog };
        };
        // In the order in which they ran.
        const kept = { proof, down: down.map(unpack), up: up.map(unpack) };
        await utimes(file, new Date(), new Date());
        return kept;
    } catch {
        // Not there, or from a disk that was full: made anew.
        return undefined;
    }
}

/** Keeps a result under its name, whole or not at all, and forgets the oldest ones. Fails in silence: it is a cache. */
export async function keep(folder: string, key: string, look: Look, { proof, up, down }: Kept): Promise<void> {
    let catalog: Catalog = look.catalog;
    const pack = ({ before, after, ...trial }: Trial): PackedTrial => {
        const packed = { ...trial, before: patchOf(catalog, before), after: patchOf(before, after) };
        catalog = after;
        return packed;
    };
    const packed: Packed = { proof, down: down.map(pack), up: up.map(pack) };
    const half = join(folder, `${key}.${randomUUID()}.half`);
    try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(half, JSON.stringify(packed), { mode: 0o600 });
        await rename(half, join(folder, `${key}.json`));
        await prune(folder);
    } catch {
        await rm(half, { force: true }).catch(() => {});
    }
}

/** What turns one catalog into another. */
interface Patch {
    readonly set: readonly (readonly [string, string])[];
    readonly gone: readonly string[];
}

type PackedTrial = Omit<Trial, "before" | "after"> & { readonly before: Patch; readonly after: Patch };

interface Packed {
    readonly proof: Proof;
    readonly up: readonly PackedTrial[];
    readonly down: readonly PackedTrial[];
}

function patchOf(from: Catalog, to: Catalog): Patch {
    return {
        set: [...to].filter(([key, definition]) => from.get(key) !== definition),
        gone: [...from.keys()].filter(key => !to.has(key)),
    };
}

function patched(from: Catalog, { set, gone }: Patch): Catalog {
    if (set.length === 0 && gone.length === 0) return from;
    const to = new Map(from);
    for (const key of gone) to.delete(key);
    for (const [key, definition] of set) to.set(key, definition);
    return to;
}

async function prune(folder: string): Promise<void> {
    const files = (await readdir(folder)).filter(name => /^[0-9a-f]{32}\.(json|.*\.half)$/.test(name));
    const aged = await Promise.all(
        files.map(async name => ({
            name,
            at: await stat(join(folder, name)).then(
                ({ mtimeMs }) => mtimeMs,
                () => 0,
            ),
        })),
    );
    for (const { name } of aged.sort((a, b) => b.at - a.at).slice(keptResults)) {
        await rm(join(folder, name), { force: true });
    }
}
