import { Command } from "commander";
import { readArchive } from "../runner/archive/registry.ts";
import { readManifests, sizeOf } from "../runner/backup/manifest.ts";
import { byteSize } from "../runner/byteSize.ts";
import { asProgram } from "../runner/asProgram.ts";
import { reading } from "../runner/database/connection.ts";
import { readIdentity } from "../runner/database/identity.ts";
import { stackOf } from "../runner/database/settings.ts";
import { label, summary } from "../runner/migration/migration.ts";
import { readMigrations } from "../runner/migration/migrationFolder.ts";
import { readClaim } from "../runner/ledger/ledger.ts";
import { readStatus, type Status, statusLines } from "../runner/status.ts";
import { readBucketDrift } from "./drift/bucket.ts";
import { driftOf } from "./drift/drift.ts";
import { readSnapshot } from "./drift/snapshot.ts";
import { lookAt } from "./look/look.ts";

// `npm run status`: where one environment stands. Reads, and changes nothing.

const { env } = process;

/** What `--json` prints. */
export interface StatusJson {
    readonly format: 1;
    readonly stack: string;
    readonly database: string;
    readonly applied: readonly {
        version: string;
        name: string;
        at: string;
        by: string;
        repaired: boolean;
        adopted: boolean;
    }[];
    /** Version of the last one of the squash. */
    readonly squashedThrough: string | null;
    readonly pending: readonly { version: string; name: string; summary: string }[];
    readonly toRollBack: readonly string[];
    readonly interrupted: { version: string; name: string; direction: "up" | "down" } | null;
    readonly foreign: readonly { version: string; name: string }[];
    /** The objects that somebody changed by hand; only the bucket among them where the catalog was not compared, and why. */
    readonly drift: { objects: readonly string[]; notChecked?: string };
    readonly lastBackup: { id: string; at: string; rows: number; bytes: number } | null;
    readonly archive: { parts: number; rows: number; bytes: number };
}

const commandLine = new Command("npm run status")
    .description("Where an environment stands: migrations, drift, the last backup, the archive.")
    .option("--json", "print it for programs")
    .action(async ({ json }: { json?: boolean }) => {
        const { status, rest } = await read();
        if (json) console.log(JSON.stringify(rest, null, 4));
        else console.log([...statusLines(status), ...restLines(rest)].join("\n"));
    });

await asProgram(() => commandLine.parseAsync());

async function read(): Promise<{ status: Status; rest: StatusJson }> {
    return await reading(env, "status", async client => {
        const status = await readStatus(client, await readMigrations("sql"));
        const database = await readIdentity(client);
        const parts = await readArchive(client);
        const rest: StatusJson = {
            format: 1,
            stack: stackOf(env),
            database,
            applied: status.applied.map(row => ({
                version: row.version,
                name: label(row),
                at: row.appliedAt.toISOString(),
                by: row.appliedBy,
                repaired: row.repaired,
                adopted: status.adopted.includes(row.version),
            })),
            squashedThrough: status.squashedThrough ?? null,
            pending: status.pending.map(each => ({ version: each.version, name: label(each), summary: summary(each) })),
            toRollBack: status.toRollBack.map(({ version }) => version),
            interrupted: status.interrupted
                ? {
                      version: status.interrupted.migration.version,
                      name: label(status.interrupted.migration),
                      direction: status.interrupted.direction,
                  }
                : null,
            foreign: status.foreign,
            drift: await readDrift((await readClaim(client)) !== undefined),
            lastBackup: await readLastBackup(database),
            archive: {
                parts: parts.length,
                rows: parts.reduce((sum, part) => sum + part.rows, 0),
                bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
            },
        };
        return { status, rest };
    });
}

async function readDrift(isManaged: boolean): Promise<StatusJson["drift"]> {
    const { changes, notChecked } = driftOf(await lookAt(env, { nothingToTry: true }), await readSnapshot(env));
    const ofBucket = (await readBucketDrift(env, isManaged))?.changes ?? [];
    const objects = [...changes, ...ofBucket].map(({ object }) => object);
    return { objects, ...(notChecked === undefined ? {} : { notChecked }) };
}

async function readLastBackup(database: string): Promise<StatusJson["lastBackup"]> {
    const folder = env.SIMULATION_DB_BACKUP_FOLDER;
    const own = folder ? (await readManifests(folder)).filter(manifest => manifest.database === database) : [];
    const last = own.at(-1);
    return last ? { id: last.id, at: last.at, ...sizeOf(last) } : null;
}

function restLines({ drift, lastBackup, archive }: StatusJson): string[] {
    const { objects, notChecked } = drift;
    const changed = `${objects.length} changed by hand: ${objects.join(", ")}; npm run preview shows them`;
    const drifted = [
        ...(notChecked === undefined ? [] : [`not checked: ${notChecked}`]),
        ...(objects.length === 0 ? [] : [changed]),
    ];
    const rows = (count: number) => `${count.toLocaleString("en")} rows`;
    return [
        `drift       ${drifted.join("; ") || "none"}`,
        `last backup ${lastBackup ? `${lastBackup.at}, ${rows(lastBackup.rows)}, ${byteSize(lastBackup.bytes)}` : "none here"}`,
        `archive     ${archive.parts === 0 ? "empty" : `${rows(archive.rows)}, ${byteSize(archive.bytes)}`}`,
    ];
}
