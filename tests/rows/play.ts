import assert from "node:assert/strict";
import type pg from "pg";
import { apply } from "../../runner/steps/apply.ts";
import { type ListedPart, listArchive } from "../../runner/archive/registry.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import type { Session } from "../../runner/database/session.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type HeldSession, holdSession } from "../support/heldSession.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

/** A migration of a test: what it makes, and how it goes away again. */
export interface Act {
    readonly up: string;
    readonly down: string;
}

/** A database on which plays are given, one after the other. */
export class Stage {
    #opened: { readonly cluster: TestCluster; readonly project: SqlProject; readonly held: HeldSession } | undefined;

    async open(cluster: TestCluster): Promise<void> {
        const project = await sqlProject(cluster);
        this.#opened = { cluster, project, held: await holdSession(project.environment) };
    }

    async close(): Promise<void> {
        await this.#opened?.held.close();
        await this.#opened?.project.remove();
    }

    get cluster(): TestCluster {
        return this.#open.cluster;
    }

    get project(): SqlProject {
        return this.#open.project;
    }

    get #open() {
        assert.ok(this.#opened, "the stage is open in tests only, not while they are declared");
        return this.#opened;
    }

    /** Runs SQL that is there before any migration, applies the acts, plays, and clears the stage. */
    async play(
        { before = "select", acts }: { readonly before?: string; readonly acts: readonly Act[] },
        work: (play: Play) => Promise<void>,
    ): Promise<void> {
        try {
            await this.project.client.query(before);
            const play = new Play(this.project, this.#open.held.session, acts);
            await play.up();
            await work(play);
        } finally {
            await this.project.admin.query(`
                drop schema simulation_db_archive, public cascade;
                create schema simulation_db_archive authorization postgres;
                create schema public authorization postgres;
                truncate simulation_db.migration, simulation_db.archive, simulation_db.snapshot, simulation_db.snapshot_entry, simulation_db.snapshot_version, simulation_db.unfinished`);
        }
    }
}

/** Promises that are kept on a stage of their own, with each PostgreSQL. */
export function onStage(
    title: string,
    promises: (stage: Stage) => void,
    settings: Readonly<Record<string, string>> = {},
): void {
    for (const major of [15, 17] as const) {
        describe(`${title} (PostgreSQL ${major})`, function () {
            this.timeout(60_000);
            const stage = new Stage();
            let cluster: TestCluster;
            before(async () => {
                cluster = await testCluster({ major, settings });
                await stage.open(cluster);
            });
            after(async () => {
                await stage.close();
                await cluster?.stop();
            });

            promises(stage);
        });
    }
}

/** Migrations on a database, and the runner's way up and down in this process. */
export class Play {
    readonly project: SqlProject;
    /** What the runner said, in its own words. */
    readonly said: string[] = [];
    /** Whether a rollback keeps rows. */
    archives = true;
    readonly #session: Session;
    #migrations: Migration[];

    constructor(project: SqlProject, session: Session, acts: readonly Act[]) {
        this.project = project;
        this.#session = session;
        this.#migrations = acts.map(named);
    }

    /** As postgres. */
    get client(): pg.Client {
        return this.project.client;
    }

    /** Other texts for the same versions. */
    rewrite(acts: readonly Act[]): void {
        this.#migrations = acts.map(named);
    }

    /** Applies all that are pending. */
    async up(): Promise<void> {
        for (const migration of this.#migrations) {
            await apply(this.#current, migration, await readLedger(this.#session.client), line => this.said.push(line));
        }
    }

    /** Rolls back all, or the newest so many. */
    async down(count = this.#migrations.length): Promise<void> {
        for (const migration of this.#migrations.slice(-count).toReversed()) {
            await rollBack(this.#current, migration, await readLedger(this.#session.client), line =>
                this.said.push(line),
            );
        }
    }

    /** Down and up again. */
    async again(): Promise<void> {
        await this.down();
        await this.up();
    }

    /** What the archive holds now. */
    archive(): Promise<ListedPart[]> {
        return listArchive(this.client);
    }

    /** The rows of a table as text, without an order. */
    async rows(table: string): Promise<string[]> {
        const { rows } = await this.client.query(`select each::text as row from ${table} as each order by 1`);
        return rows.map(({ row }) => row);
    }

    get #current(): Session {
        return { ...this.#session, settings: { ...this.#session.settings, archive: this.archives } };
    }
}

function named({ up, down }: Act, index: number): Migration {
    return { version: String(index + 1).padStart(4, "0"), slug: "act", up, down, verify: "select 1;" };
}
