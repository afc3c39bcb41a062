import { text } from "node:stream/consumers";
import { byteSize } from "../byteSize.ts";
import { withSession } from "../database/session.ts";
import { expectedIdentity, stepLine } from "../stackOutput.ts";
import { textTable } from "../textTable.ts";
import { UserError } from "../userError.ts";
import { createBackup } from "./create.ts";
import { readManifests, sizeOf } from "./manifest.ts";
import type { BackupSettings } from "./settings.ts";
import { verifyBackup } from "./verify.ts";

const environment = process.env;
const say = (line: string) => process.stderr.write(`${line}\n`);
const print = (line: string) => process.stdout.write(`${line}\n`);

/** Which backups a command is about. */
export interface FolderOptions {
    readonly folder: string;
}

export interface CreateOptions extends FolderOptions {
    readonly stdin?: boolean;
    readonly keep: string;
}

export interface ListOptions extends FolderOptions {
    readonly json?: boolean;
}

/** `backup create`: by these settings, or with --stdin by those of the stack, `{"settings": …}`. */
export async function backupCreate(options: CreateOptions): Promise<void> {
    const settings: BackupSettings = options.stdin
        ? (JSON.parse(await text(process.stdin)) as { settings: BackupSettings }).settings
        : { mode: "required", folder: options.folder, keep: readCount(options.keep) };
    await withSession(environment, "backup", expectedIdentity(environment), async session => {
        print(stepLine(await createBackup(session, settings, environment, say), session.identity));
    });
}

/** `backup list`: the newest last, so that it stands next to the prompt. */
export async function backupList({ folder, json }: ListOptions): Promise<void> {
    const manifests = await readManifests(folder);
    if (json) return void print(JSON.stringify(manifests, null, 4));
    if (manifests.length === 0) return void print(`no backup in ${folder}`);
    const lines = textTable(
        [
            { title: "backup" },
            { title: "migration" },
            { title: "rows", align: "right" },
            { title: "size", align: "right" },
        ],
        manifests.map(manifest => {
            const { rows, bytes } = sizeOf(manifest);
            return [manifest.id, manifest.newestMigration, rows.toLocaleString("en"), byteSize(bytes)];
        }),
    );
    for (const line of lines) print(line);
}

/** `backup verify` */
export async function backupVerify(id: string | undefined, { folder }: FolderOptions): Promise<void> {
    print(await verifyBackup(folder, id, environment, say));
}

function readCount(text: string): number {
    if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
    throw new UserError(`--keep is "${text}": a whole number from 1 on is needed.`);
}
