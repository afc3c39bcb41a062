import assert from "node:assert/strict";
import fc from "fast-check";
import type pg from "pg";
import { readInstalledCatalog } from "../../runner/catalog/catalog.ts";
import { apply } from "../../runner/steps/apply.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { record } from "../../runner/steps/record.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { type Session, withSession } from "../../runner/database/session.ts";
import { UserError } from "../../runner/userError.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { changesBothWays, snapshotIsOfNow } from "./bothWays.ts";
import { rootHash } from "./pgDelta.ts";
import { damages, emptyWorld, noWorld, RandomMigration, type Seed } from "./randomMigration.ts";

/** Random migrations per major; each is undone by a wrong down first and by the right one then. */
const runs = Number(process.env.PROPERTY_RUNS ?? 120);
const seed = Number(process.env.PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** One in so many runs also asks pg-delta whether the catalog is as it was. */
const askedEvery = 12;

const seeds = fc.array(fc.tuple(fc.nat(999), fc.nat(99), fc.nat(99), fc.nat(99)), {
    minLength: 2,
    maxLength: 16,
    size: "max",
});
/** How a down is made wrong: a statement less, another statement in the place of one, or one that does harm. */
const mistakes = fc.tuple(fc.constantFrom("omit" as const, "alter" as const, "harm" as const), fc.nat(99));

for (const major of [15, 17] as const) {
    describe(`random migrations (PostgreSQL ${major})`, function () {
        this.timeout(Math.max(120_000, runs * 3000));
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster);
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it(`${runs} random migrations: the right down restores the catalog, a wrong one is refused by name`, async () => {
            const count = { statements: 0, omit: 0, alter: 0, harm: 0, harmless: 0, asked: 0 };
            let run = 0;
            await withSession(project.environment, "test", async session => {
                await session.client.query(emptyWorld);
                const property = fc.asyncProperty(seeds, mistakes, async (chosen, mistake) => {
                    run += 1;
                    try {
                        await prove(session, chosen, mistake, run % askedEvery === 0, count);
                    } catch (error) {
                        await startOver(session);
                        throw error;
                    }
                });
                await fc.assert(property, { numRuns: runs, seed });
            });
            console.log(
                `      seed ${seed}: ${runs} migrations of ${count.statements} steps undone, ` +
                    `wrong downs refused: ${count.omit} that forget, ${count.alter} that differ, ${count.harm} that do harm ` +
                    `(${count.harmless} mistakes change nothing); ${count.asked} shown to pg-delta`,
            );
            assert.ok(count.omit + count.alter + count.harm > runs / 2, "hardly any wrong down was wrong");
            for (const mistake of ["omit", "alter", "harm"] as const) assert.ok(count[mistake] > 0, mistake);
        });
    });
}

type Mistake = "omit" | "alter" | "harm";
type Count = Record<Mistake | "statements" | "harmless" | "asked", number>;

async function prove(
    session: Session,
    chosen: Seed[],
    [wanted, place]: readonly [Mistake, number],
    asked: boolean,
    count: Count,
): Promise<void> {
    const { client } = session;
    const random = new RandomMigration(chosen);
    const right: Migration = {
        version: "0001",
        slug: "random",
        up: random.up,
        down: random.down.map(sql => `${sql};\n`).join("") || "select 1;\n",
        verify: "select 1;",
    };
    const { mistake, down, aspect } = makeWrong(random, wanted, place);
    const wrong = { ...right, down };
    const before = await readInstalledCatalog(client);
    const hashBefore = asked ? await rootHash(client) : undefined;

    await apply(session, wrong, await readLedger(client), () => {});
    const after = await readInstalledCatalog(client);
    await snapshotIsOfNow(client);
    const faults = await tryOut(client, down, before, hashBefore);
    if (faults.length === 0) count.harmless += 1;
    else {
        const error = await rollBack(session, wrong, await readLedger(client), () => {}).then(
            () => assert.fail(`this down was not refused, but leaves ${faults.join(", ")}:\n${down}`),
            (refusal: unknown) => refusal,
        );
        assert.ok(error instanceof UserError, String(error));
        for (const fault of aspect ? [...faults, aspect] : faults) {
            assert.ok(error.message.includes(fault), `${fault} is not named in:\n${error.message}`);
        }
        assert.deepEqual(difference(after, await readInstalledCatalog(client)), [], "a refused down left something");
        assert.equal((await readLedger(client)).length, 1, "a refused down took the migration out of the ledger");
        count[mistake] += 1;
    }

    await record(session, right, await readLedger(client));
    await rollBack(session, right, await readLedger(client), () => {});
    assert.deepEqual(difference(before, await readInstalledCatalog(client)), []);
    assert.deepEqual(await readLedger(client), []);
    await snapshotIsOfNow(client);
    if (asked) assert.equal(await rootHash(client), hashBefore, "pg-delta sees a difference");
    count.asked += asked ? 1 : 0;
    count.statements += random.steps.length;
}

/** @returns the down, and what it must be refused for, where that is known without trying */
function makeWrong(
    random: RandomMigration,
    mistake: Mistake,
    place: number,
): { mistake: Mistake; down: string; aspect?: string } {
    const down = random.down;
    const text = (statements: readonly string[]) => statements.map(sql => `${sql};\n`).join("") || "select 1;\n";
    if (mistake === "alter") {
        const ways = random.steps.toReversed().flatMap(({ wrong }, index) => (wrong ? [{ index, wrong }] : []));
        const chosen = ways[place % Math.max(1, ways.length)];
        if (chosen) return { mistake, down: text(down.with(chosen.index, chosen.wrong)) };
    }
    if (mistake === "omit" && down.length > 0) {
        return { mistake, down: text(down.toSpliced(place % down.length, 1)) };
    }
    const [sql, aspect] = damages[place % damages.length] ?? ["", ""];
    return { mistake: "harm", down: text([...down, sql]), aspect };
}

/**
 * What a down would do wrong: PostgreSQL's refusal, or the keys of the catalog that are not as they were before up.
 * Where none is, pg-delta has to agree, if it was asked.
 */
async function tryOut(client: pg.Client, down: string, before: Catalog, hashBefore?: string): Promise<string[]> {
    await client.query("begin");
    try {
        await client.query(down);
        await changesBothWays(client, down);
        const faults = difference(before, await readInstalledCatalog(client));
        if (faults.length > 0 || hashBefore === undefined) return faults;
        return (await rootHash(client)) === hashBefore ? [] : ["a difference that pg-delta sees and we do not"];
    } catch (error) {
        return [(error as Error).message];
    } finally {
        await client.query("rollback");
    }
}

/** After a failure, for the next attempt to fail by itself. */
async function startOver({ client }: Session): Promise<void> {
    await client.query("rollback; reset all");
    await client.query("truncate simulation_db.migration, simulation_db.unfinished");
    await client.query(noWorld);
    const { rows } = await client.query("select rolname as name from pg_roles where rolname like 'app_role%'");
    for (const { name } of rows) await client.query(`drop role ${name}`);
    await client.query(emptyWorld);
}

type Catalog = ReadonlyMap<string, string>;

/** The keys that are not the same in both. */
function difference(one: Catalog, other: Catalog): string[] {
    return [...new Set([...one.keys(), ...other.keys()])].filter(key => one.get(key) !== other.get(key)).sort();
}
