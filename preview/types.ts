import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { roleNames } from "../runner/applicationRoles.ts";
import { asProgram } from "../runner/asProgram.ts";
import { reading } from "../runner/database/connection.ts";
import { readWay } from "../runner/ledger/chain.ts";
import { readNoWayBack } from "../runner/migration/directives.ts";
import { label, type Migration } from "../runner/migration/migration.ts";
import { readMigrations } from "../runner/migration/migrationFolder.ts";
import { say } from "../runner/output.ts";
import { UserError } from "../runner/userError.ts";
import { previewFolder } from "./folder.ts";
import type { Trial } from "./trial/observation.ts";
import { rehearse } from "./trial/rehearsal.ts";
import { databaseType } from "./typegen.ts";
import { requireWhole } from "./wholeCopy.ts";

// `npm run types`: the type of the schema as it will be after what is pending. A program of its own, as the engine has no
// part in it. Always from a shadow: there every object is seen, whatever the login may see on the target.

interface Options {
    readonly out?: string;
    readonly schema: readonly string[];
    readonly check?: true;
}

const { env } = process;

const commandLine = new Command("npm run types --")
    .description("Writes the Database type of supabase-js for the schema as it will be after what is pending.")
    .option("-o, --out <file>", "write it there instead of to standard output")
    .option("--schema <names>", "the schemas, separated by commas; the first is the default one", names, ["public"])
    .option("--check", "write nothing, and fail when the file of --out is not what would be written")
    .allowExcessArguments(false)
    .showHelpAfterError();

await asProgram(() => main(commandLine.parse().opts<Options>()));

async function main({ out, schema, check }: Options): Promise<void> {
    if (check && out === undefined) {
        throw new UserError("--check compares a file: which one is it?", [
            "name it: npm run types -- --check --out FILE",
        ]);
    }
    const others = schema.join() === "public" ? "" : ` --schema ${schema.join()}`;
    const remedy = `write it anew: npm run types -- --out ${out}${others}`;
    const kept = check && out !== undefined ? await readKept(out, remedy) : "";
    const text = await typesOf(schema);
    if (out === undefined) {
        process.stdout.write(text);
    } else if (check) {
        requireSame(out, kept, text, remedy);
        say(`${out} is what the schema will be`);
    } else {
        await mkdir(dirname(out), { recursive: true });
        await writeFile(out, text);
        say(`${out} written`);
    }
}

async function typesOf(schemas: readonly string[]): Promise<string> {
    const migrations = await readMigrations("sql");
    const { pending, toRollBack } = await reading(env, "preview", client => readWay(client, migrations));
    let text: string | undefined;
    const { proof, up, down } = await rehearse({
        environment: env,
        pending,
        toRollBack,
        stackRoles: roleNames,
        cacheFolder: join(previewFolder, "cache"),
        inspect: async (shadow, lacks) => {
            requireWhole(lacks, schemas);
            text = await databaseType(shadow, schemas);
        },
        say,
    });
    if (text !== undefined) return text;
    const last = [...down, ...up].at(-1);
    if (last !== undefined) await requireWayBack(last, toRollBack);
    const failure = last?.failure;
    if (failure === undefined) throw new UserError(`there are no types without a shadow. ${proof.words}`);
    const { place, message, cause } = failure;
    throw new UserError(`there are no types: ${place.file}:${place.line}: ${message}`, [
        cause === "shadow"
            ? "give it a shadow that can: SIMULATION_DB_SHADOW_URL"
            : "mend it; npm run preview says more",
    ]);
}

/** @throws UserError why what is to be rolled back first cannot be */
async function requireWayBack({ part, version }: Trial, toRollBack: readonly Migration[]): Promise<void> {
    const migration = toRollBack.find(each => part === "down" && each.version === version);
    const reason = migration ? await readNoWayBack(migration) : undefined;
    if (migration === undefined || reason === undefined) return;
    throw new UserError(`there are no types: ${label(migration)} cannot be rolled back: ${reason}`, [
        "bring its folder back, and write a new migration that goes forward",
    ]);
}

async function readKept(file: string, remedy: string): Promise<string> {
    return await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        throw error.code === "ENOENT" ? new UserError(`${file} is not there.`, [remedy]) : error;
    });
}

/** @throws UserError with the first line that differs */
function requireSame(file: string, kept: string, text: string, remedy: string): void {
    if (kept === text) return;
    const [old, now] = [kept.split("\n"), text.split("\n")];
    const first = old.findIndex((line, index) => line !== now[index]);
    const at = first < 0 ? old.length : first;
    throw new UserError(
        `${file}:${at + 1} is not what the schema will be:\n  there:    ${(old[at] ?? "").trim()}\n  will be:  ${(now[at] ?? "").trim()}`,
        [remedy],
    );
}

function names(text: string): string[] {
    return text
        .split(",")
        .map(name => name.trim())
        .filter(Boolean);
}
