import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFile, chmod, chown, mkdir, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { embeddedCluster } from "../runner/database/loopback.ts";
import { UserError } from "../runner/userError.ts";
import { withFileLock } from "./fileLock.ts";
import { freePort } from "./freePort.ts";
import { postgresBinaries } from "./postgresBinaries.ts";
import { endOrphans, healPostmasterPid, livingPostmaster } from "./postmasterPid.ts";
import { isSameProcess, processGone, processIdentity } from "./processIdentity.ts";
import { asUser, serviceUser } from "./serviceUser.ts";

/** The majors that Supabase runs and that npm has for us. */
export type PostgresMajor = 15 | 17;

/** A running server. */
export interface Cluster {
    readonly major: PostgresMajor;
    readonly host: "127.0.0.1";
    readonly port: number;
    readonly dataDir: string;
    readonly logFile: string;
    readonly pid: number;
}

/** Recovery after a crash is part of a start, and may take its time on a slow disk. */
const startSeconds = 120;
const stopSeconds = 60;

/** What a Supabase server has, and the loopback address as the only way in. */
const configuration = `
# Of the embedded default: reachable from this machine alone, by TCP and password.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
wal_level = logical
max_replication_slots = 5
max_wal_senders = 5
max_connections = 100
shared_preload_libraries = 'pg_stat_statements'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
lc_messages = 'C'
`;

const access = `# Of the embedded default: a password for everyone.
host all all 127.0.0.1/32 scram-sha-256
`;

/**
 * Makes a new data directory, with `supabase_admin` as its superuser and Supabase's collation (ICU, en-US).
 * The folder may exist, empty. Fails with a UserError when it is not, or when initdb does; it is then removed.
 */
export async function initCluster(options: {
    readonly major: PostgresMajor;
    readonly dataDir: string;
    readonly adminPassword: string;
    /** Wait until the files are on the disk. Default: true. */
    readonly durable?: boolean;
}): Promise<void> {
    const dataDir = resolve(options.dataDir);
    const { initdb } = await postgresBinaries(options.major);
    const user = serviceUser(dirname(import.meta.dirname));
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    if ((await readdir(dataDir)).length > 0) {
        throw new UserError(`${dataDir} is not empty, so no database is made in it.`, [
            "Remove it, or choose another.",
        ]);
    }
    await chmod(dataDir, 0o700);
    if (user) await chown(dataDir, user.uid, user.gid);

    // initdb takes a password from a file only; beside the data directory is where its account can read.
    const passwordFile = `${dataDir}.password-${randomUUID()}`;
    try {
        await writeFile(passwordFile, `${options.adminPassword}\n`, { flag: "wx", mode: 0o600 });
        if (user) await chown(passwordFile, user.uid, user.gid);
        await promisify(execFile)(
            initdb,
            [
                `--pgdata=${dataDir}`,
                "--username=supabase_admin",
                `--pwfile=${passwordFile}`,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=icu",
                "--icu-locale=en-US",
                ...(options.durable === false ? ["--no-sync"] : []),
            ],
            { ...asUser(user), env: environment(), cwd: "/" },
        );
        await appendFile(join(dataDir, "postgresql.conf"), configuration);
        await writeFile(join(dataDir, "pg_hba.conf"), access);
    } catch (error) {
        await rm(dataDir, { recursive: true, force: true });
        throw initFailure(dataDir, error);
    } finally {
        await rm(passwordFile, { force: true });
    }
}

/**
 * Starts the server of an initialised data directory and returns when it takes connections; one that runs already
 * is returned as it is. The server lives on when this process ends. Survived: a stale postmaster.pid, also one
 * whose number another process has now; children of a killed server; a port that is taken (then another is
 * used, so read `port` of the answer). Everything else is a UserError with the last lines of the log.
 */
export async function startCluster(options: {
    readonly major: PostgresMajor;
    readonly dataDir: string;
    readonly logFile: string;
    /** The wished port. Default: one that is free. */
    readonly port?: number;
    /** Whether a committed transaction survives a crash of the machine; one of the server it always does. Default: true. */
    readonly durable?: boolean;
    readonly settings?: Readonly<Record<string, string>>;
    /** Another server program than the installed one, of the same version. */
    readonly postgres?: string;
}): Promise<Cluster> {
    const dataDir = resolve(options.dataDir);
    const logFile = resolve(options.logFile);
    const owner = await checkDataDir(dataDir, options.major);
    const postgres = options.postgres ?? (await postgresBinaries(options.major)).postgres;
    const settings = {
        cluster_name: embeddedCluster,
        ...(options.durable === false ? { fsync: "off", full_page_writes: "off" } : {}),
        ...options.settings,
    };
    const cluster = { major: options.major, host: "127.0.0.1", dataDir, logFile } as const;

    return await withFileLock(dataDir, async () => {
        const running = await runningCluster(dataDir, logFile);
        if (running) return { ...cluster, ...running };

        let port = await freePort(options.port);
        for (let attempt = 1; ; attempt++) {
            await healPostmasterPid(dataDir);
            const logged = await logSize(logFile);
            const pid = await spawnServer(postgres, ["-D", dataDir, "-p", String(port), ...asOptions(settings)], {
                owner,
                logFile,
            });
            if (await becomesReady(pid, dataDir)) return { ...cluster, pid, port };

            const log = await readLog(logFile, logged);
            if (attempt < 10 && /could not create any TCP\/IP sockets/.test(log)) port = await freePort();
            else if (attempt < 10 && /pre-existing shared memory block/.test(log)) {
                // The children of a killed server see it within moments, unless they are busy.
                if (attempt > 2) endOrphans(dataDir);
                await setTimeout(100 * attempt);
            } else throw startFailure(dataDir, logFile, log);
        }
    });
}

/**
 * Stops the server of a data directory: "fast" breaks off its sessions, "immediate" also leaves recovery to the next
 * start. False when none ran.
 */
export async function stopCluster(dataDir: string, mode: "fast" | "immediate" = "fast"): Promise<boolean> {
    const server = await livingPostmaster(resolve(dataDir));
    if (server === undefined) return false;
    signal(server.pid, mode === "fast" ? "SIGINT" : "SIGQUIT");
    if (await processGone(server.pid, server.identity, stopSeconds * 1000)) return true;
    signal(server.pid, "SIGQUIT");
    if (await processGone(server.pid, server.identity, 10_000)) return true;
    throw new UserError(`PostgreSQL (process ${server.pid}) did not stop within ${stopSeconds} s.`, [
        `Look into its log, or end it with \`kill -9 ${server.pid}\`: the next start recovers.`,
    ]);
}

/** Nothing of the caller's PG* variables: the server reads some of them. */
function environment(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, LC_ALL: "C" };
}

async function checkDataDir(dataDir: string, major: PostgresMajor): Promise<{ uid: number; gid: number } | undefined> {
    const version = await readFile(join(dataDir, "PG_VERSION"), "utf8").catch(() => undefined);
    if (version === undefined) {
        throw new UserError(`${dataDir} holds no PostgreSQL data that this account can read.`);
    }
    if (version.trim() !== String(major)) {
        throw new UserError(`${dataDir} was made by PostgreSQL ${version.trim()}, and ${major} was asked for.`, [
            "Ask for that version, or use another data directory.",
        ]);
    }
    const { uid, gid } = await stat(dataDir);
    const caller = process.getuid?.();
    if (caller !== 0 && caller !== uid) {
        throw new UserError(`${dataDir} belongs to account ${uid}, and this is account ${caller}.`, [
            "Run this as that account, or remove the folder so that it is made anew.",
        ]);
    }
    if (uid === 0) throw new UserError(`${dataDir} belongs to root, and PostgreSQL does not run as root.`);
    return caller === 0 ? { uid, gid } : undefined;
}

async function runningCluster(dataDir: string, logFile: string): Promise<{ pid: number; port: number } | undefined> {
    const server = await livingPostmaster(dataDir);
    if (server === undefined) return undefined;
    if (server.stopping) {
        await processGone(server.pid, server.identity, stopSeconds * 1000);
        return undefined;
    }
    if (await becomesReady(server.pid, dataDir)) return { pid: server.pid, port: server.port };
    if ((await livingPostmaster(dataDir)) === undefined) return undefined;
    throw startFailure(dataDir, logFile, await readLog(logFile, 0));
}

/** Detached and with a log for its words, so that it outlives the caller and no Ctrl-C reaches it. */
async function spawnServer(
    postgres: string,
    args: readonly string[],
    { owner, logFile }: { owner: { uid: number; gid: number } | undefined; logFile: string },
): Promise<number> {
    const log = await open(logFile, "a", 0o600);
    try {
        const child = spawn(postgres, args, {
            ...asUser(owner),
            detached: true,
            stdio: ["ignore", log.fd, log.fd],
            env: environment(),
            cwd: "/",
        });
        const pid = await new Promise<number>((done, fail) => {
            child.once("error", fail);
            child.once("spawn", () => done(child.pid ?? 0));
        });
        child.unref();
        return pid;
    } finally {
        await log.close();
    }
}

/** True when the server takes connections, false when it ended. */
async function becomesReady(pid: number, dataDir: string): Promise<boolean> {
    const identity = processIdentity(pid);
    const end = Date.now() + startSeconds * 1000;
    while (identity !== undefined && isSameProcess(pid, identity) && Date.now() < end) {
        const server = await livingPostmaster(dataDir);
        if (server?.pid === pid && server.ready) return true;
        await setTimeout(15);
    }
    return false;
}

function asOptions(settings: Readonly<Record<string, string>>): string[] {
    return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

function signal(pid: number, name: NodeJS.Signals): void {
    try {
        process.kill(pid, name);
    } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EPERM") throw new UserError(`PostgreSQL (process ${pid}) belongs to another account.`);
        if (code !== "ESRCH") throw error;
    }
}

async function logSize(logFile: string): Promise<number> {
    return await stat(logFile).then(
        ({ size }) => size,
        () => 0,
    );
}

async function readLog(logFile: string, from: number): Promise<string> {
    return (await readFile(logFile).catch(() => Buffer.alloc(0))).subarray(from).toString();
}

function startFailure(dataDir: string, logFile: string, log: string): UserError {
    const last = log.trim().split("\n").slice(-12).join("\n");
    return new UserError(`PostgreSQL did not start on ${dataDir}. The last lines of its log:\n${last || "(none)"}`, [
        `The whole log is ${logFile}.`,
    ]);
}

function initFailure(dataDir: string, error: unknown): UserError {
    const { stderr, message } = error as { stderr?: string; message: string };
    const last = (stderr?.trim() || message).split("\n").slice(-12).join("\n");
    const next = /could not look up effective user ID/.test(last)
        ? ["PostgreSQL wants its account to have a name: add a line for this user id to /etc/passwd."]
        : ["Look whether the disk is full, and whether the account that runs PostgreSQL may write there."];
    return new UserError(`A PostgreSQL database could not be made in ${dataDir}:\n${last}`, next);
}
