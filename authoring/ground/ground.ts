import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import pg from "pg";
import { applyBaseline, type BaselineShape } from "../../local/baseline.ts";
import type { PostgresMajor } from "../../local/cluster.ts";
import { postgresBinaries } from "../../local/postgresBinaries.ts";
import { codeHash } from "../../preview/ownCode.ts";
import { takePlace } from "../../preview/shadow/place.ts";
import { type Login, makeDataDir, ShadowServer } from "../../preview/shadow/server.ts";
import { keepTemplate, takeTemplate } from "../../preview/shadow/templates.ts";
import { roleNames } from "../../runner/applicationRoles.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { type Session, withSession } from "../../runner/database/session.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import { markApplied } from "../../runner/ledger/repair.ts";
import { readDirectives } from "../../runner/migration/directives.ts";
import { encode, fileName, label, type Migration } from "../../runner/migration/migration.ts";
import { apply } from "../../runner/steps/apply.ts";
import { UserError } from "../../runner/userError.ts";

/** A throw-away project: an embedded PostgreSQL as Supabase makes one, with the earlier migrations applied. */
export interface Ground {
    /** libpq's variables, as `postgres`. */
    readonly environment: Environment;
    /** A further session as `postgres`; it ends with the server. */
    enter(): Promise<pg.Client>;
    /** Ends the server and leaves nothing of it. */
    end(): Promise<void>;
}

export interface GroundOptions {
    readonly major: PostgresMajor;
    readonly shape: BaselineShape;
    /** Applied before anything is tried. */
    readonly earlier: readonly Migration[];
    /** Told when it takes longer: the first time. */
    readonly say: (line: string) => void;
}

/** The logins of a ground that is kept. */
interface Kept {
    readonly superuser: Login;
    readonly postgres: Login;
}

/** About how big its files become, in bytes. */
const size = 2 ** 28;

const database = "postgres";

/**
 * Starts one, from files that are kept for the next time, as those of shadows are.
 *
 * @throws UserError when there is no PostgreSQL for this machine, or when one of the earlier migrations is refused
 */
export async function openGround(options: GroundOptions): Promise<Ground> {
    const server = new ShadowServer(await takePlace(size), options.major);
    try {
        const name = await nameOf(options);
        const kept = await takeTemplate<Kept>(name, server.place);
        if (kept) await server.start();
        const { postgres } = kept ?? (await make(server, name, options));
        return {
            environment: environmentOf(server, postgres),
            enter: () => server.as(postgres, database),
            end: () => server.leave(),
        };
    } catch (error) {
        await server.leave();
        throw error;
    }
}

async function make(server: ShadowServer, name: string, { major, shape, earlier, say }: GroundOptions): Promise<Kept> {
    const last = earlier.at(-1);
    say(
        `making a PostgreSQL ${major}${last ? ` with the migrations up to ${label(last)}` : ""}: it is kept for the next time …`,
    );
    const superuser = await makeDataDir(server.place, major);
    await server.start();
    const postgres = { user: "postgres", password: randomBytes(24).toString("base64url") };
    const admin = await server.as(superuser, database);
    await applyBaseline(admin, shape, postgres.password);
    await admin.query("set role postgres");
    // As the stack makes them before its first migration.
    for (const role of roleNames) await admin.query(`create role ${pg.escapeIdentifier(role)}`);
    await admin.query("reset role");
    await applyAll(environmentOf(server, postgres), earlier);
    await admin.query("vacuum analyze");
    await admin.query("checkpoint");
    await keepTemplate(name, server.place, { superuser, postgres } satisfies Kept);
    return { superuser, postgres };
}

async function applyAll(environment: Environment, earlier: readonly Migration[]): Promise<void> {
    await withSession(environment, "check", async session => {
        for (const migration of earlier) {
            await apply(session, migration, await readLedger(session.client), () => {}).catch(async (error: Error) => {
                const { imported, irreversible } = readDirectives(migration.up, fileName(migration, "up"));
                if (imported !== undefined && irreversible !== undefined) {
                    await markRefused(session, earlier, migration);
                    return;
                }
                throw new UserError(
                    `${label(migration)} comes before what is checked, and an embedded PostgreSQL refuses it: ${error.message}`,
                    [
                        `check it first: npm run check:sql -- ${migration.version}`,
                        "or check against a target: npm run check:sql -- --stack STACK",
                    ],
                );
            });
        }
    });
}

/**
 * Goes on behind an imported migration that an embedded PostgreSQL refuses, as if it had run.
 *
 * @param migrations those up to it, at least
 */
export async function markRefused(
    session: Session,
    migrations: readonly Migration[],
    { version }: Migration,
): Promise<void> {
    const reason = "an embedded PostgreSQL refuses it";
    await markApplied(session, migrations, version, { reason, found: "{}" }, () => {});
}

/** The same again only while nothing changes that has a say in it. */
async function nameOf({ major, shape, earlier }: GroundOptions): Promise<string> {
    const hash = createHash("sha256").update(await codeHash());
    hash.update(await readFile(import.meta.filename));
    const { version } = await postgresBinaries(major);
    const texts = earlier.map(migration => `${migration.slug} ${encode(migration)}`);
    hash.update(JSON.stringify([version, shape, texts]));
    return `ground-${major}-${hash.digest("hex").slice(0, 16)}`;
}

function environmentOf(server: ShadowServer, login: Login): Environment {
    const { host, port } = server.config(login, database);
    return {
        PATH: process.env.PATH,
        PGHOST: host,
        PGPORT: String(port),
        PGDATABASE: database,
        PGUSER: login.user,
        PGPASSWORD: login.password,
        PGSSLMODE: "disable",
        SIMULATION_DB_POSTGRES_BIN: process.env.SIMULATION_DB_POSTGRES_BIN,
    };
}
