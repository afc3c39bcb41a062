import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DatabaseIdentity } from "../database/identity.ts";
import { UserError } from "../userError.ts";
import type { TableContent } from "./content.ts";

/** The file of a backup that says what is in the others. */
const manifestName = "manifest.json";

/** A file of a backup. */
export interface BackupFile {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
}

/** What a backup holds, and of what. */
export interface Manifest {
    readonly format: 1;
    readonly id: string;
    /** When its snapshot was taken, ISO 8601. */
    readonly at: string;
    readonly database: DatabaseIdentity;
    readonly stack: string;
    /** Version of the newest applied migration; `0000` when there was none. */
    readonly newestMigration: string;
    readonly serverVersion: string;
    readonly serverMajor: number;
    readonly encoding: string;
    readonly pgDumpVersion: string;
    readonly pgDumpMajor: number;
    /** The schemas whose rows and definitions are in `rows`. */
    readonly schemas: readonly string[];
    readonly rows: BackupFile;
    /** The definitions of all schemas; or why the login may not dump them. */
    readonly wholeSchema: BackupFile | { readonly refused: string };
    /** The policies of Storage as SQL: they are the stack's, in a schema that is not. */
    readonly storagePolicies: readonly string[];
    /** Of the same snapshot as the dump. */
    readonly tables: readonly TableContent[];
}

/** The backups of a folder, oldest first; none when there is no folder. @throws UserError for a manifest that is broken */
export async function readManifests(folder: string): Promise<Manifest[]> {
    const names = await readdir(folder).catch(() => []);
    const manifests: Manifest[] = [];
    for (const name of names.filter(one => !one.endsWith(".part"))) {
        const file = join(folder, name, manifestName);
        const text = await readFile(file, "utf8").catch(() => undefined);
        if (text !== undefined) manifests.push(parse(text, file));
    }
    return manifests.sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** Writes the manifest of a backup that is being made, through to the disk. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
    const file = await open(join(folder, manifestName), "wx", 0o600);
    try {
        await file.writeFile(`${JSON.stringify(manifest, null, 4)}\n`);
        await file.sync();
    } finally {
        await file.close();
    }
}

/** The files that a backup must have. */
function filesOf({ rows, wholeSchema }: Manifest): BackupFile[] {
    return "refused" in wholeSchema ? [rows] : [rows, wholeSchema];
}

/** How many bytes and rows a backup holds. */
export function sizeOf(manifest: Manifest): { readonly bytes: number; readonly rows: number } {
    return {
        bytes: filesOf(manifest).reduce((sum, { bytes }) => sum + bytes, 0),
        rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0),
    };
}

/** @throws UserError that names the file that is missing or not as it was made */
export async function requireUnchanged(folder: string, manifest: Manifest): Promise<void> {
    for (const { name, bytes, sha256 } of filesOf(manifest)) {
        const file = join(folder, manifest.id, name);
        const size = await stat(file).then(
            found => found.size,
            () => undefined,
        );
        if (size === undefined) {
            throw new UserError(`${file} is missing: the backup ${manifest.id} is not whole.`, [anotherBackup]);
        }
        const hash = createHash("sha256");
        if (size === bytes) await pipeline(createReadStream(file), hash);
        if (size === bytes && hash.digest("hex") === sha256) continue;
        throw new UserError(
            `${file} is not as it was made: ${size} bytes instead of ${bytes}, or another content (sha256 ${sha256.slice(0, 12)}… was expected).`,
            [anotherBackup],
        );
    }
}

const anotherBackup = "take another backup: node runner/main.ts backup create; backup list shows those that there are";

function parse(text: string, file: string): Manifest {
    try {
        const manifest = JSON.parse(text) as Manifest;
        if (manifest.format === 1) return manifest;
    } catch {
        // The message below says it.
    }
    throw new UserError(`${file} is no manifest of a backup that this version can read.`, [
        "remove its folder, or bring the file back",
    ]);
}
