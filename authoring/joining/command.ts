import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PostgresMajor } from "../../local/cluster.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { connected } from "../../runner/database/connection.ts";
import { describe, exportReference, fitting, nearestState, type Reference } from "../../runner/ledger/adopt.ts";
import { label, type Migration } from "../../runner/migration/migration.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import { print, say } from "../../runner/output.ts";
import { UserError } from "../../runner/userError.ts";
import type { Look } from "../../preview/look/look.ts";
import { readCheckSettings } from "../check/settings.ts";
import { openGround } from "../ground/ground.ts";
import { type Import, importedBefore } from "./import.ts";
import { importFolder } from "./importCommand.ts";
import { projectLines, readProject } from "./project.ts";
import { requireStackName, type Written, writeStackFile } from "./stackFile.ts";

/** The majors that npm has for us: on another one nothing can be compared. */
const majors: readonly number[] = [15, 17] satisfies PostgresMajor[];

const outcomes: Readonly<Record<Written, string>> = {
    written: "written",
    "filled in": "filled in: what is not in angle brackets stays as it was",
    left: "is there already and stays as it is",
};

/** How many differences are named: a project that never had the migrations differs in all of them. */
const most = 20;

export interface AdoptOptions {
    /** A `supabase/migrations` folder. */
    readonly import?: string;
}

/** `adopt`: what is there, which migrations match it, and a stack file; the database stays as it is. */
export async function adoptProject(name: string, options: AdoptOptions): Promise<void> {
    const { env } = process;
    if (!env.PGHOST) {
        throw new UserError("which database? PGHOST is not set in this shell.", [
            "set PGHOST, PGUSER, PGPASSWORD and PGSSLROOTCERT, as libpq reads them: the session pooler or the direct connection",
        ]);
    }
    requireStackName(name);
    const project = await readProject(env);
    for (const line of projectLines(project)) print(line);
    print("");
    const { look } = project;
    const imported = options.import === undefined ? undefined : await importInto(look, options.import);
    const migrations = await readMigrations("sql");
    const reference = !majors.includes(look.major)
        ? undefined
        : (imported?.reference ?? (await referenceOf(look.major as PostgresMajor, migrations)));
    const taken = reference ? printMatches(migrations, reference, look.ledger?.length ?? 0, look.catalog) : 0;
    if (!reference) print(`nothing is compared: PostgreSQL ${look.major} is none of ${majors.join(" and ")}`);
    const written = await writeStackFile(name, env, look.identity);
    print("");
    print(`Pulumi.${name}.yaml ${outcomes[written]}`);
    print("");
    print("Next:");
    if (imported) {
        const names = imported.imported.map(({ migration }) => migration.version).join(" ");
        print(`    read each down.sql and verify.sql, write their first lines anew: npm run check:sql -- ${names}`);
        print("        now, also for the directives in up.sql: what is taken over or applied keeps its up.sql");
    }
    print(`    eval "$(npm run -s env -- -s ${name})"   puts pulumi and the pinned Node on PATH`);
    if (taken > 0 && reference) {
        const file = join(".local", "adopt", `${name}.json`);
        await mkdir(join(".local", "adopt"), { recursive: true });
        await writeFile(file, JSON.stringify(reference));
        print(`    node runner/main.ts adopt < ${file}   takes over what matches; runs none of its statements`);
    }
    print(`    pulumi stack init ${name}   makes the stack, in the backend that you are logged in to`);
    print(`    npm run preview -- -s ${name}   what the rest would do`);
}

async function importInto({ ledger, major, catalog }: Look, folder: string): Promise<Import | undefined> {
    if (ledger === undefined) {
        throw new UserError("this login may not read the ledger there, so nobody knows which migrations come first.", [
            "import with the login that applies them",
        ]);
    }
    const migrations = await readMigrations("sql");
    const base = readCheckSettings(process.env);
    const settings = { ...base, major: majors.includes(major) ? (major as PostgresMajor) : base.major };
    const isComparable = settings.major === major && migrations.length > ledger.length;
    // What somebody applied by hand has run as well. Where an embedded PostgreSQL refuses it, it needs what is imported.
    const reference = isComparable ? await referenceOf(settings.major, migrations).catch(noReference) : undefined;
    const nearest = reference && nearestState(fitting(migrations, reference), ledger.length, catalog);
    const found = nearest?.differences.length === 0 ? nearest.count : ledger.length;
    // What was imported before has run as well, also while nothing fits for what ran since.
    const there = importedBefore(migrations);
    const ran = Math.max(found, migrations.findLastIndex(migration => [...there.values()].includes(migration)) + 1);
    return await importFolder({ folder, migrations, ran, environment: process.env, settings, print, say });
}

function noReference(error: unknown): undefined {
    if (!(error instanceof UserError)) throw error;
}

async function referenceOf(major: PostgresMajor, migrations: readonly Migration[]): Promise<Reference> {
    const ground = await openGround({ ...readCheckSettings(process.env), major, earlier: migrations, say });
    try {
        return await connected(ground.environment, "adopt", exportReference);
    } finally {
        await ground.end();
    }
}

/** @returns how many would be taken over */
function printMatches(
    migrations: readonly Migration[],
    reference: Reference,
    applied: number,
    catalog: Catalog,
): number {
    const nearest = nearestState(fitting(migrations, reference), applied, catalog);
    if (!nearest) {
        print("nothing is left to take over: all migrations are in the ledger");
        return 0;
    }
    const { count, differences } = nearest;
    const [first, last] = [migrations[applied], migrations[count - 1]];
    if (!first || !last) return 0;
    const span = first === last ? label(first) : `${label(first)} to ${label(last)}`;
    if (differences.length === 0) {
        print(
            `matches: ${span} would be taken over, with 0 statements run; ${migrations.length - count} remain to be applied`,
        );
        return count - applied;
    }
    print(`nothing matches. Nearest is the state after ${label(last)}, with ${differences.length} differences:`);
    for (const difference of differences.slice(0, most)) print(`  ${describe(difference)}`);
    if (differences.length > most) print(`  … and ${differences.length - most} more`);
    return 0;
}
