import pg from "pg";
import { testCluster } from "../../tests/support/cluster.ts";

/** libpq's variables of one database. */
export type Environment = Readonly<Record<string, string>>;

/** A server with one prepared Supabase-shaped project, which is copied for each run, so that all begin alike. */
export interface ProjectCopies {
    /** For the report, for example `15.18`. */
    readonly version: string;
    /** Copies the project and does the work there, as postgres or with a superuser's login. */
    onCopy<T>(work: (environment: Environment, superuser: Environment) => Promise<T>): Promise<T>;
    /** What the server has written down so far. */
    log(): Promise<string>;
    stop(): Promise<void>;
}

/** How they are made. */
export interface CopiesOptions {
    /** Of the server; without any, it does not wait for the disk. */
    readonly settings?: Readonly<Record<string, string>>;
    /** Makes the project what the runs find, as a superuser. */
    readonly prepare?: (admin: pg.Client) => Promise<void>;
    /**
     * Whether copies stay until the end, as small ones should: ext4 is slow at making files for minutes after many were
     * deleted (Linux source, fs/ext4/ialloc.c, recently_deleted), and each table and index is a file.
     */
    readonly keep?: boolean;
}

/** Where copies are made from and managed: never copied itself. */
const managing = "template1";

/** Starts a server of PostgreSQL 15 with the stack's roles. The caller stops it. */
export async function projectCopies({ settings = {}, prepare, keep = false }: CopiesOptions): Promise<ProjectCopies> {
    const cluster = await testCluster({ major: 15, settings });
    const admin = new pg.Client(cluster.adminUrl(managing));
    const stop = async () => {
        await admin.end().catch(() => {});
        await cluster.stop();
    };
    try {
        const maker = new pg.Client(cluster.adminUrl());
        await maker.connect();
        await Promise.resolve(prepare?.(maker)).finally(() => maker.end());
        await admin.connect();
        await admin.query("create role dataset_service; create role simulation_reader");
        const { rows } = await admin.query<{ server_version: string }>("show server_version");
        let copies = 0;
        return {
            version: rows[0]?.server_version ?? "unknown",
            async onCopy(work) {
                copies += 1;
                const database = `copy_${copies}`;
                // Copying files ends with a checkpoint: none falls into one run and not into another.
                await admin.query(`create database ${database} template postgres strategy file_copy owner postgres`);
                try {
                    const environment: Environment = { ...cluster.environment, PGDATABASE: database };
                    const { user, password } = cluster.adminUrl();
                    return await work(environment, { ...environment, PGUSER: `${user}`, PGPASSWORD: `${password}` });
                } finally {
                    if (!keep) await admin.query(`drop database ${database} with (force)`);
                }
            },
            log: () => cluster.log(),
            stop,
        };
    } catch (error) {
        await stop();
        throw error;
    }
}
