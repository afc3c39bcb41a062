import { readdir, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Environment } from "../database/connection.ts";
import { isLoopback } from "../database/loopback.ts";
import { UserError } from "../userError.ts";
import { runProgram } from "./program.ts";

/** A pg_dump and the pg_restore beside it. */
export interface PostgresTools {
    readonly pgDump: string;
    readonly pgRestore: string;
    readonly major: number;
    /** For example `17.2`. */
    readonly version: string;
}

/** What the runner reads as well, so that both reach the same server; and what any program needs. */
const passedOn = ["PGHOST", "PGPORT", "PGPASSWORD", "PGPASSFILE", "PGSSLROOTCERT", "PATH", "HOME", "USER", "TMPDIR"];

/** Where packages put the client tools of one major version each; they are seldom all on PATH. */
const packageFolders = [
    { above: "/usr/lib/postgresql", below: "bin" },
    { above: "/usr", below: "bin", name: /^pgsql-\d+$/ },
    { above: "/opt/homebrew/opt", below: "bin", name: /^(libpq|postgresql@\d+)$/ },
    { above: "/usr/local/opt", below: "bin", name: /^(libpq|postgresql@\d+)$/ },
    { above: "/Applications/Postgres.app/Contents/Versions", below: "bin" },
];

/**
 * Finds tools that are new enough: of the same major version, or else the next newer one. They are looked for in
 * SIMULATION_DB_POSTGRES_BIN when that is set, otherwise on PATH and where packages put them.
 *
 * @param what is to be dumped, or restored
 * @param needed its major version
 * @throws UserError when there are none, or only older ones: pg_dump refuses a server that is newer than itself, and
 *     pg_restore a dump
 */
export async function findTools(
    what: "server" | "backup",
    needed: number,
    environment: Environment,
): Promise<PostgresTools> {
    const chosen = environment.SIMULATION_DB_POSTGRES_BIN;
    const folders = chosen ? [chosen] : await usualFolders(environment);
    const found = (await Promise.all(folders.map(folder => toolsIn(folder, environment)))).filter(
        tools => tools !== undefined,
    );
    const fitting = found.filter(({ major }) => major >= needed).sort((a, b) => a.major - b.major)[0];
    if (fitting) return fitting;
    const newest = Math.max(0, ...found.map(({ major }) => major));
    const [tool, is, cannot] =
        what === "server" ? ["pg_dump", "is", "refuses to dump"] : ["pg_restore", "is of", "cannot read"];
    throw new UserError(
        newest === 0
            ? `${tool} is not installed${chosen ? ` in ${chosen}` : ""}; the ${what} ${is} PostgreSQL ${needed}.`
            : `${tool} is version ${newest}, older than the ${what}'s ${needed}: it ${cannot} it.`,
        [
            `install the PostgreSQL client tools, version ${needed} or newer (pg_dump and pg_restore)`,
            "where they are installed in an unusual place: set SIMULATION_DB_POSTGRES_BIN to their folder",
        ],
    );
}

/**
 * What the tools are told about the connection: libpq's variables, so that the password is never an argument, with the
 * runner's own defaults where they differ from libpq's. Nothing else of the environment, which may hold other secrets.
 */
export function toolEnvironment(environment: Environment, { major }: Pick<PostgresTools, "major">): Environment {
    const host = environment.PGHOST ?? "";
    const mode = environment.PGSSLMODE || (isLoopback(host) ? "disable" : "verify-full");
    return {
        ...Object.fromEntries(passedOn.map(name => [name, environment[name]])),
        PGUSER: environment.PGUSER || "postgres",
        PGDATABASE: environment.PGDATABASE || "postgres",
        PGSSLMODE: mode,
        // Without a file, libpq looks for one of its own; from 16 on it can be told to use the system's, as the runner does.
        ...(mode === "verify-full" && !environment.PGSSLROOTCERT && major >= 16 ? { PGSSLROOTCERT: "system" } : {}),
        PGCONNECT_TIMEOUT: environment.PGCONNECT_TIMEOUT || "10",
        PGAPPNAME: "simulation-db backup",
        LC_ALL: "C",
    };
}

async function usualFolders(environment: Environment): Promise<string[]> {
    const installed = packageFolders.map(async ({ above, below, name = /^[\d.]+$/ }) => {
        const names = await readdir(above).catch(() => []);
        return names.filter(one => name.test(one)).map(one => join(above, one, below));
    });
    const path = (environment.PATH ?? "").split(delimiter).filter(folder => folder !== "");
    return [...new Set([...path, ...(await Promise.all(installed)).flat()])];
}

async function toolsIn(folder: string, environment: Environment): Promise<PostgresTools | undefined> {
    const pgDump = join(folder, "pg_dump");
    const pgRestore = join(folder, "pg_restore");
    const places = await Promise.all([pgDump, pgRestore].map(file => realpath(file).catch(() => undefined)));
    // Debian's wrapper chooses a version by itself; the versions are in folders of their own.
    if (places.some(place => place === undefined || place.endsWith("pg_wrapper"))) return undefined;
    const said = await runProgram(pgDump, ["--version"], { PATH: environment.PATH }).catch(() => undefined);
    const [, version = "", major = ""] = / ((\d+)\S*)/.exec(said?.output ?? "") ?? [];
    return major ? { pgDump, pgRestore, major: Number(major), version } : undefined;
}
