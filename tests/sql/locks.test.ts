import assert from "node:assert/strict";
import { type Ground, makeGround, opposites, titleOf } from "./ground.ts";

/** Locks that neither reads nor writes wait for. */
const harmless = new Set(["AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"]);

/** Tables with traffic before the first migration. */
const live = ["public.simulation_runs", "public.organization_members", "auth.users", "storage.objects"];

for (const kind of opposites) {
    describe(`locks on tables with traffic (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        beforeEach(async () => {
            ground = await makeGround(kind);
        });
        afterEach(() => ground?.stop());

        /** What a text locks of the live tables, in a transaction that is then taken back. */
        const locksOf = async (sql: string): Promise<{ name: string; mode: string }[]> => {
            await ground.postgres.query("begin");
            try {
                await ground.postgres.query(sql);
                const { rows } = await ground.postgres.query(
                    `select wanted.name, mode from unnest($1::text[]) as wanted (name)
                     join pg_locks on relation = wanted.name::regclass and pid = pg_backend_pid()`,
                    [live],
                );
                return rows;
            } finally {
                await ground.postgres.query("rollback");
            }
        };

        it("validating old rows stops neither reads nor writes, though the look at them is long", async () => {
            const validated = ground.migrations.find(({ slug }) => slug === "simulation_runs_validated");
            assert.ok(validated);
            await ground.up(String(Number(validated.version) - 1).padStart(4, "0"));
            const locks = await locksOf(validated.up);
            assert.ok(
                locks.some(
                    ({ name, mode }) => name === "public.simulation_runs" && mode === "ShareUpdateExclusiveLock",
                ),
            );
            assert.deepEqual(
                locks.filter(({ mode }) => !harmless.has(mode)),
                [],
            );
        });

        it("no verify stops anybody", async () => {
            await ground.up();
            for (const { version, verify } of ground.migrations) {
                const locks = await locksOf(verify);
                assert.deepEqual(
                    locks.filter(({ mode }) => !harmless.has(mode)),
                    [],
                    version,
                );
            }
        });
    });
}
