import { byteSize } from "../byteSize.ts";
import { print, say } from "../output.ts";
import { printedStep } from "../printedStep.ts";
import { readJson } from "../stdinJson.ts";
import { textTable } from "../textTable.ts";
import { createBackup } from "./create.ts";
import { readManifests, sizeOf } from "./manifest.ts";
import type { BackupSettings } from "./settings.ts";
import { verifyBackup } from "./verify.ts";

const environment = process.env;

/** Which backups a command is about. */
export interface FolderOptions {
    readonly folder: string;
}

export interface CreateOptions extends FolderOptions {
    readonly stdin?: boolean;
    readonly keep: number;
}

export interface ListOptions extends FolderOptions {
    readonly json?: boolean;
}

/** `backup create`: by these settings, or with --stdin by those of the stack, `{"settings": …}`. */
export async function backupCreate(options: CreateOptions): Promise<void> {
    const settings: BackupSettings = options.stdin
        ? await fromStdin()
        : { mode: "required", folder: options.folder, keep: options.keep };
    await printedStep(environment, "backup", session => createBackup(session, settings, environment, say));
}

/** `backup list`: the newest last, so that it stands next to the prompt. */
export async function backupList({ folder, json }: ListOptions): Promise<void> {
    const manifests = await readManifests(folder);
    if (json) return print(JSON.stringify(manifests, null, 4));
    if (manifests.length === 0) return print(`no backup in ${folder}`);
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

async function fromStdin(): Promise<BackupSettings> {
    const instead = "from a shell, leave --stdin out: --folder and --keep say where to, and how many are kept";
    return (await readJson<{ settings: BackupSettings }>(["settings"], instead)).settings;
}
