import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import pg from "pg";
import { isLoopback } from "./loopback.ts";
import { UserError } from "../userError.ts";

/** Variables: libpq's, which psql and pg_dump read too, and those of this project and of Supabase. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The port of Supabase's transaction pooler (Supabase documentation, "Connect to your database"). */
const transactionPoolerPort = 6543;

/** How long a connection attempt may take unless PGCONNECT_TIMEOUT says otherwise, in milliseconds. */
const connectTimeoutMs = 10_000;

/** How long a connection is silent before it is asked whether it lives, in milliseconds. */
const keepAliveAfterMs = 10_000;

const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof sslModes)[number];

/**
 * Opens one session as libpq's variables say.
 *
 * @param purpose what the session is for; shown in `pg_stat_activity.application_name`
 * @throws UserError when a variable is wrong or the server cannot be reached or refuses the login
 */
export async function connect(environment: Environment, purpose: string): Promise<pg.Client> {
    const config = connectionConfig(environment, purpose);
    const client = new pg.Client(config);
    // pg would take the password of its own process, which may belong to another server; null makes it look into the
    // password file.
    if (!environment.PGPASSWORD) Object.assign(client, { password: null });
    // A connection lost between two queries is reported by the next query; without a listener it would end the process.
    client.on("error", () => {});
    try {
        await client.connect();
    } catch (error) {
        await client.end().catch(() => {});
        throw connectionError(error as NodeJS.ErrnoException, config);
    }
    return client;
}

/**
 * Opens a session for the work, and ends it.
 *
 * @throws UserError as {@link connect}; what the work throws, as it is
 */
export async function connected<T>(
    environment: Environment,
    purpose: string,
    work: (client: pg.Client) => Promise<T>,
): Promise<T> {
    const client = await connect(environment, purpose);
    try {
        return await work(client);
    } finally {
        // A connection that is gone has ended; that must not hide what the work threw.
        await client.end().catch(() => {});
    }
}

/** The same with a session that cannot write. */
export async function reading<T>(
    environment: Environment,
    purpose: string,
    work: (client: pg.Client) => Promise<T>,
): Promise<T> {
    return await connected(environment, purpose, async client => {
        await client.query("set default_transaction_read_only = on");
        return await work(client);
    });
}

/** Where a session goes; named in errors. */
type Target = pg.ClientConfig & { host: string; port: number };

function connectionConfig(environment: Environment, purpose: string): Target {
    const host = environment.PGHOST;
    if (!host) {
        throw new UserError("PGHOST is not set: the runner does not guess a database.", [
            'for the embedded database: npm start, then eval "$(npm run -s env)"',
            "for a real project: set PGHOST, PGPORT, PGUSER, PGDATABASE, PGSSLMODE and PGPASSWORD as for psql",
        ]);
    }
    // As in libpq, a variable that is empty is one that is not set.
    const port = Number(environment.PGPORT || 5432);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new UserError(`PGPORT is ${JSON.stringify(environment.PGPORT)}: expected a port number.`);
    }
    if (port === transactionPoolerPort) {
        throw new UserError(
            `port ${transactionPoolerPort} is Supabase's transaction pooler: it cannot hold the session lock that keeps two runs apart.`,
            ["use the session pooler or the direct connection: both listen on port 5432"],
        );
    }
    return {
        host,
        port,
        database: environment.PGDATABASE || "postgres",
        user: environment.PGUSER || "postgres",
        // Undefined makes pg look into the password file (PGPASSFILE, ~/.pgpass), as libpq does.
        ...(environment.PGPASSWORD ? { password: environment.PGPASSWORD } : {}),
        ssl: tlsOptions(host, environment),
        application_name: `simulation-db ${purpose} ${userName()}@${hostname()}`.slice(0, 63),
        connectionTimeoutMillis: Number(environment.PGCONNECT_TIMEOUT) * 1000 || connectTimeoutMs,
        keepAlive: true,
        keepAliveInitialDelayMillis: keepAliveAfterMs,
    };
}

function userName(): string {
    try {
        return userInfo().username;
    } catch {
        // A container's user may have no entry in its passwd file.
        return `uid ${process.getuid?.() ?? "unknown"}`;
    }
}

/** libpq's sslmode (PostgreSQL documentation, 34.19 "SSL Support"); unset means verified, unless the host is this machine. */
function tlsOptions(host: string, environment: Environment): pg.ClientConfig["ssl"] {
    const mode = (environment.PGSSLMODE || (isLoopback(host) ? "disable" : "verify-full")) as SslMode;
    if (!sslModes.includes(mode)) {
        throw new UserError(`PGSSLMODE is ${JSON.stringify(mode)}: expected one of ${sslModes.join(", ")}.`);
    }
    if (mode === "disable") {
        if (!isLoopback(host)) {
            throw new UserError(`PGSSLMODE=disable would send the password of ${host} in clear.`, [
                "use verify-full with the project's CA file (PGSSLROOTCERT)",
            ]);
        }
        return false;
    }
    const caFile = environment.PGSSLROOTCERT;
    const ca = caFile ? readCa(caFile) : undefined;
    return {
        // With a CA, "require" verifies it, as libpq does.
        rejectUnauthorized: mode !== "require" || ca !== undefined,
        ...(ca ? { ca } : {}),
        ...(mode !== "verify-full" ? { checkServerIdentity: () => undefined } : {}),
    };
}

function readCa(file: string): string {
    const next = ["download it from the project's database settings and name it in databaseCaFile (PGSSLROOTCERT)"];
    let ca: string;
    try {
        ca = readFileSync(file, "utf8");
    } catch {
        throw new UserError(`the CA file ${file} cannot be read.`, next);
    }
    if (!ca.includes("-----BEGIN CERTIFICATE-----")) {
        throw new UserError(`the CA file ${file} holds no certificate in PEM form.`, next);
    }
    return ca;
}

function connectionError(error: NodeJS.ErrnoException, target: Target): Error {
    const where = `${target.host}:${target.port}`;
    // A name with several addresses fails with one error for each.
    const said =
        error instanceof AggregateError && !error.message
            ? error.errors.map(each => (each as Error).message).join("; ")
            : error.message;
    if (/password must be a string|no password supplied/i.test(said)) {
        return new UserError(`${where} asks for a password, and none is given.`, [
            "set PGPASSWORD, or name a password file in PGPASSFILE",
        ]);
    }
    if (/does not support SSL/i.test(said)) {
        return new UserError(`${where} answers without TLS, so it is refused.`, [
            "check databaseHost and databasePort: a Supabase project always has TLS",
        ]);
    }
    if (/timeout expired/i.test(said)) {
        return new UserError(`${where} does not answer.`, [
            "check databaseHost, databasePort and the network between; PGCONNECT_TIMEOUT has the seconds to wait",
        ]);
    }
    if (/tenant or user not found/i.test(said)) {
        return new UserError(`the pooler at ${where} knows no user ${target.user}: ${said}`, [
            "at the session pooler the user is postgres.PROJECT_REF, and the host is that of the project's region",
        ]);
    }
    if (/max clients/i.test(said)) return noneLeft(where, said);
    if (/no pg_hba\.conf entry/i.test(said)) {
        return new UserError(`${where} takes no connection of ${target.user} from here: ${said}`, [
            "look at the network restrictions in the project's database settings; databaseSslMode must not be disable there",
        ]);
    }
    switch (error.code) {
        case "28P01":
        case "28000":
            return new UserError(`${where} refuses the login of ${target.user}: ${said}`, [
                "check PGPASSWORD (or the password file) and PGUSER",
            ]);
        case "3D000":
            return new UserError(`${where} has no such database: ${said}`, ["check databaseName (PGDATABASE)"]);
        case "ECONNREFUSED":
            return new UserError(`nothing listens on ${where}.`, [
                "embedded database: npm start (or npm run preview) starts it",
                "real project: check databaseHost and databasePort, and whether the project is paused",
            ]);
        case "ENOTFOUND":
        case "EAI_AGAIN":
            return new UserError(`the host name ${target.host} cannot be resolved.`, ["check databaseHost (PGHOST)"]);
        case "ENETUNREACH":
        case "EHOSTUNREACH":
            return new UserError(`there is no way to ${where}: ${said}`, [
                "Supabase's direct connection has an IPv6 address only: use the session pooler where there is no IPv6",
            ]);
        case "53300":
            return noneLeft(where, said);
        case "57P03":
            return new UserError(`${where} is not ready: ${said}`, ["run the same command again in a moment"]);
        case "CERT_HAS_EXPIRED":
        case "CERT_NOT_YET_VALID":
        case "SELF_SIGNED_CERT_IN_CHAIN":
        case "DEPTH_ZERO_SELF_SIGNED_CERT":
        case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
        case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
        case "ERR_TLS_CERT_ALTNAME_INVALID":
            return new UserError(`the certificate of ${where} cannot be verified: ${said}`, [
                "name the project's CA file in databaseCaFile (PGSSLROOTCERT)",
            ]);
        default:
            return new UserError(`cannot connect to ${where} as ${target.user}: ${said}`, [
                "check databaseHost, databasePort and the network between",
            ]);
    }
}

/** A server says it with a code of its own, Supabase's session pooler in words: it has 15 to give unless said otherwise. */
function noneLeft(where: string, said: string): UserError {
    return new UserError(`${where} has no connection left: ${said}`, [
        "see who holds them: select usename, application_name, count(*) from pg_stat_activity group by 1, 2",
        "at the session pooler: end idle clients, or raise its pool size in the project's database settings",
    ]);
}
