import pg from "pg";
import type { BaselineShape } from "../../local/baseline.ts";
import type { PostgresMajor } from "../../local/cluster.ts";
import { apply } from "../../runner/steps/apply.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { withSession } from "../../runner/database/session.ts";
import { testCluster } from "../support/cluster.ts";
import { readOwnMigrations } from "./own.ts";

/** A kind of Supabase project that the migrations have to work on. */
export interface GroundKind extends BaselineShape {
    readonly major: PostgresMajor;
}

/** Both majors, both default privileges and both simulation_runs, each with each of the others once. */
export const grounds: readonly GroundKind[] = [
    { major: 15, defaultPrivileges: "open", simulationRuns: "bare" },
    { major: 15, defaultPrivileges: "closed", simulationRuns: "extended" },
    { major: 17, defaultPrivileges: "open", simulationRuns: "extended" },
    { major: 17, defaultPrivileges: "closed", simulationRuns: "bare" },
];

/** Two that differ in everything, for what hardly depends on the kind. */
export const opposites: readonly GroundKind[] = [
    { major: 15, defaultPrivileges: "open", simulationRuns: "bare" },
    { major: 17, defaultPrivileges: "closed", simulationRuns: "extended" },
];

/** For the title of a test. */
export function titleOf({ major, defaultPrivileges, simulationRuns }: GroundKind): string {
    return `PostgreSQL ${major}, ${defaultPrivileges} default privileges, ${simulationRuns} simulation_runs`;
}

/** A project as the stack finds it after making its roles, and the runner's way up and down on it. */
export interface Ground {
    readonly migrations: readonly Migration[];
    /** libpq's variables, as the role postgres. */
    readonly environment: Readonly<Record<string, string>>;
    /** As the superuser, for looking and for what others would do. */
    readonly admin: pg.Client;
    /** As the role postgres. */
    readonly postgres: pg.Client;
    /** A further connection as postgres, closed by `stop`. */
    connect(): Promise<pg.Client>;
    /** Applies what is pending, up to and with a version. */
    up(throughVersion?: string): Promise<void>;
    /** Rolls back, newest first, down to and with a version. */
    down(throughVersion?: string): Promise<void>;
    stop(): Promise<void>;
}

/** @param more migrations that follow those of the project */
export async function makeGround({ major, ...shape }: GroundKind, more: readonly Migration[] = []): Promise<Ground> {
    const cluster = await testCluster({ major, shape });
    const clients: pg.Client[] = [];
    const login = async (config: pg.ClientConfig) => {
        const client = new pg.Client(config);
        // The server is stopped under the connections that a failed test left.
        client.on("error", () => {});
        await client.connect();
        clients.push(client);
        return client;
    };
    const stop = async () => {
        await Promise.all(clients.map(client => client.end().catch(() => {})));
        await cluster.stop();
    };

    try {
        const migrations = [...(await readOwnMigrations()), ...more];
        const admin = await login(cluster.adminUrl());
        const postgres = await login(cluster.connection);
        await postgres.query("create role dataset_service; create role simulation_reader");
        const run = (work: Parameters<typeof withSession<void>>[2]) => withSession(cluster.environment, "test", work);
        return {
            migrations,
            environment: cluster.environment,
            admin,
            postgres,
            connect: () => login(cluster.connection),
            stop,
            up: (last = "9999") =>
                run(async session => {
                    for (const migration of migrations.filter(({ version }) => version <= last)) {
                        await apply(session, migration, await readLedger(session.client), () => {});
                    }
                }),
            down: (last = "0000") =>
                run(async session => {
                    for (const migration of migrations.filter(({ version }) => version >= last).toReversed()) {
                        await rollBack(session, migration, await readLedger(session.client), () => {});
                    }
                }),
        };
    } catch (error) {
        await stop();
        throw error;
    }
}
