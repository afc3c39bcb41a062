import pg from "pg";
import { type Catalog, readInstalledCatalog } from "../../runner/catalog/catalog.ts";
import { readIdentity } from "../../runner/database/identity.ts";
import { readSettings } from "../../runner/database/settings.ts";
import { ensureLedger } from "../../runner/ledger/create.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { findingsOf, type Told } from "../../preview/findings/findings.ts";
import type { FindingSettings } from "../../preview/findings/scene.ts";
import { lookAt, tablesWithRows } from "../../preview/look/look.ts";
import { embeddedShadow } from "../../preview/shadow/embedded.ts";
import { InnerStatements } from "../../preview/trial/inner.ts";
import type { StatementObservation, Trial } from "../../preview/trial/observation.ts";
import type { TargetLook } from "../../preview/look/targetLook.ts";
import { Progress } from "../../preview/trial/progress.ts";
import { observeFile, type Stage, TrialFailed } from "../../preview/trial/run.ts";
import { readState } from "../../preview/trial/state.ts";
import { countViolations } from "../../preview/violations/count.ts";
import type { TestCluster } from "../support/cluster.ts";

/** A target with rows and one shadow of it, on which many migrations are tried, each taken back. */
export interface TrialGround {
    readonly look: TargetLook;
    /** Tries the text as the only migration that is pending. */
    tell(up: string, settings?: Partial<FindingSettings>): Promise<Told>;
    /** The catalog of the target after really running it there; taken back. */
    really(up: string): Promise<Catalog>;
    remove(): Promise<void>;
}

export const settings: FindingSettings = { exposedSchemas: [], maxLockMs: 2000 };

/** The code of the finding that says why a text did not run to its end there; undefined: it did. */
export async function causeIn(ground: TrialGround, up: string): Promise<string | undefined> {
    const { findings } = await ground.tell(up);
    return findings.find(({ code }) => code === "shadow-cannot" || code === "migration-fails")?.code;
}

export async function trialGround(cluster: TestCluster, sql: string): Promise<TrialGround> {
    const target = new pg.Client(cluster.connection);
    target.on("error", () => {});
    await target.connect();
    await ensureLedger(target);
    await target.query(sql);
    const environment = { ...process.env, ...cluster.environment };
    const look = await lookAt(environment);
    const shadow = await embeddedShadow(
        environment,
        look,
        { comingRoles: [], migrationTexts: [sql] },
        new Progress(() => {}),
    );
    const { client, watcher } = shadow;
    const session = { client, identity: await readIdentity(client), settings: readSettings(environment) };
    const inner = watcher ? new InnerStatements(watcher, shadow.database) : undefined;
    const withRows = tablesWithRows(look);
    const start = await readState(client);
    const stage: Stage = { shadow, session, start, now: start, inner, withRows };
    const catalogNow = async () => {
        const catalog = await readInstalledCatalog(client);
        return new Map([...catalog].filter(([key]) => !shadow.isOwn(key)));
    };
    const before = await catalogNow();

    return {
        look,
        async tell(up, own = {}) {
            const migration: Migration = { version: "0001", slug: "case", up, down: "", verify: "" };
            const trial = await tryCase(migration);
            const violations = await countViolations(environment, look, [trial]);
            return await findingsOf(migration, trial, look, { ...settings, ...own }, { violations });
        },
        async really(up) {
            await target.query("begin");
            try {
                await target.query(up);
                return await readInstalledCatalog(target);
            } finally {
                await target.query("rollback");
            }
        },
        async remove() {
            await shadow.end();
            await target.end();
        },
    };

    async function tryCase({ version, slug, up }: Migration): Promise<Trial> {
        const statements: StatementObservation[] = [];
        const trial = { version, slug, part: "up" as const, statements, before, archives: [] };
        await client.query("begin");
        try {
            await observeFile(stage, up, `sql/${version}_${slug}/up.sql`, statements);
            return { ...trial, after: await catalogNow() };
        } catch (error) {
            if (!(error instanceof TrialFailed)) throw error;
            return { ...trial, after: before, failure: error.failure };
        } finally {
            await client.query("rollback");
            stage.now = start;
        }
    }
}
