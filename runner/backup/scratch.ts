import type pg from "pg";
import { connected, type Environment } from "../database/connection.ts";
import { embeddedCluster, isLoopback } from "../database/loopback.ts";
import { readIdentity } from "../database/identity.ts";
import { UserError } from "../userError.ts";
import type { Manifest } from "./manifest.ts";

/** A database that exists for one verification. */
export interface Scratch {
    /** Connected to it. */
    readonly client: pg.Client;
    /** libpq's variables for it. */
    readonly environment: Environment;
}

/** How the names of these databases begin. */
const namePrefix = "simulation_db_verify_";

const anotherServer =
    "name a server in VERIFY_PGHOST that may be played with, for example the embedded one of this machine";

/** Hosts of real projects. */
const projectHost = /(^|\.)supabase\.(co|com|in|net)\.?$/i;

/**
 * Makes a database, does the work, and drops it: on the server that VERIFY_PGHOST and its siblings name, or else on the
 * one of PGHOST when that is this machine. Never on the server that the backup is of, also where a tunnel leads to it, unless
 * that is the embedded one. What killed verifications left is dropped as well.
 *
 * @throws UserError when there is no server for it, or it is older than the one that the backup is of
 */
export async function withScratch<T>(
    environment: Environment,
    manifest: Manifest,
    work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
    const server = scratchServer(environment);
    return await connected(server, "backup verify", async admin => {
        await requireServer(admin, server, manifest);
        await dropForgotten(admin);
        const name = `${namePrefix}${new Date().toISOString().replaceAll(/\D/g, "")}_${process.pid}`;
        await createDatabase(admin, name, manifest.encoding);
        try {
            const database = { ...server, PGDATABASE: name };
            return await connected(database, "backup verify", client => work({ client, environment: database }));
        } finally {
            await admin.query(`drop database if exists ${name} with (force)`);
        }
    });
}

/** The variables of the server; those of the project's database are never mixed in. */
function scratchServer(environment: Environment): Environment {
    const shared = { PATH: environment.PATH, HOME: environment.HOME, PGPASSFILE: environment.PGPASSFILE };
    const named = Object.entries(environment).filter(([name, value]) => /^VERIFY_PG[A-Z]+$/.test(name) && value);
    const host = environment.VERIFY_PGHOST || environment.PGHOST || "";
    if (named.length > 0) {
        if (!environment.VERIFY_PGHOST) {
            throw new UserError("VERIFY_PGHOST is not set, but others of its kind are.", [
                `set it as well, or unset ${named.map(([name]) => name).join(", ")}`,
            ]);
        }
        if (projectHost.test(host)) {
            throw new UserError(`VERIFY_PGHOST is ${host}, a real project: a backup is never restored there.`, [
                anotherServer,
            ]);
        }
        return {
            ...shared,
            ...Object.fromEntries(named.map(([name, value]) => [name.slice("VERIFY_".length), value])),
        };
    }
    if (isLoopback(host)) return environment;
    throw new UserError(
        "there is no server to restore into: a backup is verified on this machine's PostgreSQL, or on another that you name.",
        [
            'embedded: npm start, then eval "$(npm run -s env)"',
            "another server: set VERIFY_PGHOST, VERIFY_PGPORT, VERIFY_PGUSER and VERIFY_PGPASSWORD; its login must be allowed to create databases",
        ],
    );
}

async function requireServer(admin: pg.Client, { PGUSER }: Environment, manifest: Manifest): Promise<void> {
    const { rows } = await admin.query<{ major: number; allowed: boolean; embedded: boolean }>(
        `select current_setting('server_version_num')::int / 10000 as major, rolcreatedb or rolsuper as allowed,
             current_setting('cluster_name') = $1 as embedded
         from pg_catalog.pg_roles where rolname = current_user`,
        [embeddedCluster],
    );
    const { major = 0, allowed = false, embedded = false } = rows[0] ?? {};
    const identity = await readIdentity(admin);
    if (!embedded && identity.split("/")[0] === manifest.database.split("/")[0]) {
        throw new UserError(
            "the server to restore into is the one that the backup is of: it is never restored there.",
            [anotherServer],
        );
    }
    if (major < manifest.serverMajor) {
        throw new UserError(
            `the server to restore into is PostgreSQL ${major}, the backup is of ${manifest.serverMajor}.`,
            [`name one of version ${manifest.serverMajor} or newer in VERIFY_PGHOST`],
        );
    }
    if (!allowed) {
        const login = PGUSER ?? "postgres";
        throw new UserError(`${login} may not create a database on that server.`, [
            `alter role ${login} createdb there, or name another login in VERIFY_PGUSER`,
        ]);
    }
}

/** Of the same encoding, in which the rows were hashed; in the server's own locale where that fits it. */
async function createDatabase(admin: pg.Client, name: string, encoding: string): Promise<void> {
    const { rows } = await admin.query<{ encoding: string }>(
        "select pg_encoding_to_char(encoding) as encoding from pg_catalog.pg_database where datname = 'template0'",
    );
    const fits = rows[0]?.encoding === encoding;
    await admin.query(
        `create database ${name} template template0${fits ? "" : ` encoding ${admin.escapeLiteral(encoding)} lc_collate 'C' lc_ctype 'C'`}`,
    );
    await admin.query(`comment on database ${name} is 'Made by backup verify of simulation-db, for minutes.'`);
}

/** Nobody is connected to it and it is older than any start: its verification was killed. */
async function dropForgotten(admin: pg.Client): Promise<void> {
    const { rows } = await admin.query<{ name: string }>(
        `select datname as name from pg_catalog.pg_database as d
         where datname ~ ('^' || $1 || '\\d{17}_\\d+$')
             and to_timestamp(substr(datname, length($1) + 1, 14), 'YYYYMMDDHH24MISS')::timestamp < now() at time zone 'UTC' - interval '1 minute'
             and pg_has_role(datdba, 'usage')
             and not exists (select from pg_catalog.pg_stat_activity as a where a.datname = d.datname)`,
        [namePrefix],
    );
    for (const { name } of rows) await admin.query(`drop database if exists ${name}`);
}
