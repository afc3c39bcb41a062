import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { encode, type Migration } from "../../runner/migration/migration.ts";
import type { TestCluster } from "./cluster.ts";
import { ownEnvironment } from "./engine.ts";
import { readHistory } from "./history.ts";
import { writeSqlFolder } from "./sqlFolder.ts";

const root = dirname(dirname(import.meta.dirname));

/** A hanging run must not hang the tests; in milliseconds. */
const runLimit = 60_000;

/** The files of one migration; what is left out makes, drops and looks for a table named like the slug. */
export type Trio = Partial<Record<"up" | "down" | "verify", string>>;

/** How a run ended, and what it printed. */
export interface RunOutcome {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
    /** Both, for tests that look for what must be said or must not be said anywhere. */
    readonly output: string;
    /** How long it took, in milliseconds. */
    readonly tookMs: number;
}

export interface RunOptions {
    readonly stdin?: string;
    /** Added to the connection's variables; undefined takes one away. */
    readonly env?: Readonly<Record<string, string | undefined>>;
    /** Who runs it; only root can choose. */
    readonly uid?: number;
}

/** A run that is under way. */
export interface Run {
    readonly child: ChildProcess;
    readonly outcome: Promise<RunOutcome>;
    /** What it has printed so far. */
    printed(): string;
    /** Ends it as a power cut would. */
    kill9(): Promise<RunOutcome>;
}

/** A folder with migrations, a database of its own, and the runner as a person or the stack starts it. */
export interface SqlProject {
    /** The working folder of the runs; holds `sql/`. */
    readonly folder: string;
    readonly database: string;
    /** libpq's variables for this database. */
    readonly environment: Readonly<Record<string, string>>;
    /** As the role postgres; open until `remove`. */
    readonly client: pg.Client;
    /** As the superuser, for looking and for what others would do. */
    readonly admin: pg.Client;
    /** A further connection as postgres, closed by `remove`. */
    connect(): Promise<pg.Client>;
    /** Writes the sql folder anew. */
    write(migrations: Readonly<Record<string, Trio>>): Promise<void>;
    /** What the stack would pass on stdin for a migration of the folder, by version. */
    stdin(version: string): string;
    /** Runs `node runner/main.ts …` to its end; words are parted by spaces. */
    run(command: string, options?: RunOptions): Promise<RunOutcome>;
    /** The same, and fails when the run fails. */
    must(command: string, options?: RunOptions): Promise<RunOutcome>;
    /** Starts a run, to be watched or disturbed. */
    start(command: string, options?: RunOptions): Run;
    /** Versions in the ledger, oldest first. */
    applied(): Promise<string[]>;
    /** What the history says: `up 0001`, oldest first. */
    history(): Promise<string[]>;
    /** How many wait for a lock now, in all databases of its server. */
    waiting(): Promise<number>;
    /** Drops the database, with whoever is connected, and removes the folder. */
    remove(): Promise<void>;
}

/** Makes the folder and the database. The caller removes them. */
export async function sqlProject(
    cluster: TestCluster,
    migrations: Readonly<Record<string, Trio>> = {},
): Promise<SqlProject> {
    const database = `project_${randomUUID().replaceAll("-", "").slice(0, 12)}`;
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-sql-"));
    const clients: pg.Client[] = [];
    const login = async (config: pg.ClientConfig) => {
        const client = new pg.Client(config);
        // Tests end servers and sessions under it.
        client.on("error", () => {});
        await client.connect();
        clients.push(client);
        return client;
    };
    const remove = async () => {
        await rm(folder, { recursive: true, force: true });
        await Promise.all(clients.map(client => client.end().catch(() => {})));
        const admin = await login(cluster.adminUrl()).catch(() => undefined);
        await admin?.query(`drop database if exists ${database} with (force)`);
        await admin?.end();
    };

    try {
        const maker = await login(cluster.adminUrl());
        await maker.query(`create database ${database} owner postgres`);
        await maker.end();
        const connect = () => login({ ...cluster.connection, database });
        const environment = { ...cluster.environment, PGDATABASE: database };
        const project = new Folder(folder);
        await project.write(migrations);
        const client = await connect();
        const admin = await login(cluster.adminUrl(database));
        const start = (command: string, options: RunOptions = {}) =>
            startRun(folder, command, {
                ...options,
                env: { ...environment, ...options.env },
            });
        const run = (command: string, options?: RunOptions) => start(command, options).outcome;
        return {
            folder,
            database,
            environment,
            client,
            admin,
            connect,
            write: trios => project.write(trios),
            stdin: version => project.stdin(version),
            start,
            run,
            async must(command, options) {
                const outcome = await run(command, options);
                if (outcome.code !== 0) throw new Error(`${command} ended with ${outcome.code}:\n${outcome.output}`);
                return outcome;
            },
            async applied() {
                const { rows } = await admin.query("select version from simulation_db.migration order by version");
                return rows.map(({ version }) => version);
            },
            history: () => readHistory(admin),
            async waiting() {
                const { rows } = await admin.query("select from pg_locks where not granted");
                return rows.length;
            },
            remove,
        };
    } catch (error) {
        await remove();
        throw error;
    }
}

/** Starts the runner in a folder, with these variables and none of the shell's that name a database or a stack. */
export function startRun(cwd: string, command: string, { stdin = "", env = {}, uid }: RunOptions): Run {
    const started = performance.now();
    const child = spawn(process.execPath, [join(root, "runner/main.ts"), ...command.split(" ")], {
        cwd,
        env: {
            ...ownEnvironment(),
            NODE_COMPILE_CACHE: join(root, ".local", "node-cache"),
            ...env,
        },
        stdio: ["pipe", "pipe", "pipe"],
        timeout: runLimit,
        killSignal: "SIGKILL",
        ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (text: string) => {
            printed[name] += text;
        });
    }
    // A run that ends without reading its stdin is no fault of the test.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    const outcome = new Promise<RunOutcome>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", code => {
            const tookMs = performance.now() - started;
            resolve({
                code,
                ...printed,
                output: printed.stdout + printed.stderr,
                tookMs,
            });
        });
    });
    return {
        child,
        outcome,
        printed: () => printed.stdout + printed.stderr,
        kill9() {
            child.kill("SIGKILL");
            return outcome;
        },
    };
}

/** The sql folder of a project. */
class Folder {
    readonly #sql: string;
    #migrations = new Map<string, Migration>();

    constructor(folder: string) {
        this.#sql = join(folder, "sql");
    }

    async write(trios: Readonly<Record<string, Trio>>): Promise<void> {
        const named = Object.entries(trios).map(([name, trio]) => [name, complete(name, trio)] as const);
        this.#migrations = new Map(named.map(([, migration]) => [migration.version, migration]));
        await rm(this.#sql, { recursive: true, force: true });
        await writeSqlFolder(this.#sql, Object.fromEntries(named));
    }

    stdin(version: string): string {
        const migration = this.#migrations.get(version);
        if (!migration) throw new Error(`the folder has no ${version}`);
        return encode(migration);
    }
}

function complete(name: string, trio: Trio): Migration {
    const version = name.slice(0, 4);
    const slug = name.slice(5);
    return {
        version,
        slug,
        up: trio.up ?? `create table public.${slug} (id bigint primary key);\n`,
        down: trio.down ?? `drop table public.${slug};\n`,
        verify: trio.verify ?? `select from public.${slug};\n`,
    };
}
