import { join } from "node:path";
import type pg from "pg";
import type { Environment } from "../database/connection.ts";
import { UserError } from "../userError.ts";
import { contentSettings, readContentLike, type TableContent } from "./content.ts";
import { type Manifest, readManifests, requireUnchanged, sizeOf } from "./manifest.ts";
import { runProgram } from "./program.ts";
import { type Scratch, withScratch } from "./scratch.ts";
import { findTools, type PostgresTools, toolEnvironment } from "./tools.ts";

/** Left out of the scratch database: they name what it has not, or would reach out of it. */
const leftOut =
    "--no-owner --no-privileges --no-comments --no-security-labels --no-publications --no-subscriptions --no-tablespaces";

const anotherFirst = "take another backup, and keep this one until that is verified";

/**
 * Restores a backup into a database made for it, and compares every table with what the manifest counted.
 *
 * @param id which one; undefined: the newest of the folder
 * @param say what could not be restored there, one line each
 * @returns one line for people
 * @throws UserError that names each table whose rows are not the ones of the manifest
 */
export async function verifyBackup(
    folder: string,
    id: string | undefined,
    environment: Environment,
    say: (line: string) => void,
): Promise<string> {
    const manifest = await chosenBackup(folder, id);
    await requireUnchanged(folder, manifest);
    return await withScratch(environment, manifest, async scratch => {
        const tools = await findTools("backup", manifest.pgDumpMajor, environment);
        const complaints = await restore(join(folder, manifest.id), manifest, scratch, tools);
        for (const complaint of complaints) say(`not restored there: ${complaint}`);
        // That a table could not be made says something of the server and nothing of the backup.
        const refusalOf = ({ table }: TableContent) =>
            complaints.find(complaint => complaint.startsWith(shortened(`CREATE TABLE ${table} (`)));
        const unmade = manifest.tables.flatMap(table => refusalOf(table) ?? []);
        const made = manifest.tables.filter(table => refusalOf(table) === undefined);
        const faults = await compare(scratch.client, made);
        if (faults.length > 0) {
            throw new UserError(
                `the backup ${manifest.id} does not hold what its manifest says:\n${faults.map(fault => `  ${fault}`).join("\n")}`,
                [anotherFirst],
            );
        }
        if (unmade.length > 0) {
            throw new UserError(
                `the backup ${manifest.id} is not verified: ${made.length} tables are equal, and these could not be made there:\n${unmade.map(refusal => `  ${refusal}`).join("\n")}`,
                ["name a server in VERIFY_PGHOST that has what is missing, such as the extensions of the project"],
            );
        }
        const counted = manifest.tables.filter(({ checksum }) => checksum === null).length;
        const how = counted === 0 ? "by checksum" : `by checksum, ${counted} by count alone`;
        return `backup ${manifest.id} is good: ${manifest.tables.length} tables with ${sizeOf(manifest).rows} rows were restored and are equal ${how}`;
    });
}

async function chosenBackup(folder: string, id: string | undefined): Promise<Manifest> {
    const manifests = await readManifests(folder);
    const chosen = id === undefined ? manifests.at(-1) : manifests.find(manifest => manifest.id === id);
    if (chosen) return chosen;
    const known = manifests.map(manifest => manifest.id).join(", ");
    throw new UserError(
        id === undefined ? `there is no backup in ${folder}.` : `there is no backup ${id} in ${folder}.`,
        known ? [`there are: ${known}`] : ["name the folder: --folder, as backupFolder in the stack's config"],
    );
}

/** @returns what pg_restore complained about in the schemas that the backup is of */
async function restore(
    path: string,
    { schemas, wholeSchema, rows, storagePolicies }: Manifest,
    { client, environment }: Scratch,
    tools: PostgresTools,
): Promise<string[]> {
    const variables = toolEnvironment(environment, tools);
    const run = async (name: string, ...args: string[]) => {
        const all = [
            ...leftOut.split(" "),
            "--dbname",
            environment.PGDATABASE ?? "",
            "--no-password",
            ...args,
            join(path, name),
        ];
        const { output } = await runProgram(tools.pgRestore, all, variables);
        // It goes on after a statement that fails, and stops for anything else: the connection, the file.
        const fatal = /^pg_restore: error: (?!could not execute query)(.+)/m.exec(output)?.[1];
        if (fatal) throw new UserError(`pg_restore failed: ${fatal}`, [anotherFirst]);
        return output;
    };
    const surroundings = schemas.map(schema => `--exclude-schema=${schema}`);

    // First what the rows' schemas lean on (auth, storage, extensions), as far as this server can have it.
    if (!("refused" in wholeSchema)) await run(wholeSchema.name, "--section=pre-data", ...surroundings);
    const complaints = readComplaints(await run(rows.name), schemas);
    if ("refused" in wholeSchema) return complaints;

    await run(wholeSchema.name, "--section=post-data", ...surroundings);
    const { rows: found } = await client.query<{ count: number }>(
        "select count(*)::int as count from pg_catalog.pg_policies where schemaname = 'storage'",
    );
    const missing = storagePolicies.length - (found[0]?.count ?? 0);
    return missing === 0 ? complaints : [...complaints, `${missing} of ${storagePolicies.length} storage policies`];
}

/**
 * What pg_restore complained about, one line per statement. Foreign keys into other schemas are one line together: they
 * cannot be made, as the rows that they point at are not in the backup.
 */
function readComplaints(output: string, schemas: readonly string[]): string[] {
    const complaints: string[] = [];
    const outward = new Map<string, number>();
    for (const [, error = "", command = ""] of output.matchAll(/ERROR: +(.+)\n(?:.+\n)*?Command was: ([^;]+)/g)) {
        if (/^schema "\w+" already exists$/.test(error)) continue;
        const target = /\bFOREIGN KEY\b.+\bREFERENCES ([^.\s]+)\./.exec(command)?.[1];
        if (target && !schemas.includes(target)) outward.set(target, (outward.get(target) ?? 0) + 1);
        else complaints.push(`${shortened(command)}: ${error}`);
    }
    for (const [schema, count] of outward) {
        complaints.push(`${count} foreign keys into ${schema}, whose rows are not in the backup`);
    }
    return complaints;
}

/** A statement as a complaint names it. */
function shortened(command: string): string {
    return command.replaceAll(/\s+/g, " ").slice(0, 100);
}

async function compare(client: pg.Client, tables: readonly TableContent[]): Promise<string[]> {
    const faults: string[] = [];
    for (const expected of tables) {
        await client.query(`begin read only; ${contentSettings}`);
        const found = await readContentLike(client, expected).catch((error: Error) => error);
        await client.query("rollback");
        const fault = found instanceof Error ? found.message : difference(expected, found);
        if (fault) faults.push(`${expected.table}: ${fault}`);
    }
    return faults;
}

function difference(expected: TableContent, found: TableContent): string | undefined {
    if (expected.rows !== found.rows) return `${found.rows} rows were restored, ${expected.rows} are in the manifest`;
    if (expected.checksum !== found.checksum)
        return `the rows differ (checksum ${found.checksum}, ${expected.checksum})`;
    return undefined;
}
