import assert from "node:assert/strict";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { type Act, onStage } from "./play.ts";

/** More than a table may have whose writers wait while it is read: 70 MB. Who deletes a row without an owner waits for a lock. */
const large = `
    create table public.items (id integer primary key, owner integer not null, name text, filler text);
    alter table public.items alter filler set storage plain;
    insert into public.items select n, n, 'item ' || n, repeat('x', 7900) from generate_series(1, 8600) as n;
    create function public.wait() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(1);
        return old;
    end $$;
    create trigger items_wait before delete on public.items for each row when (old.owner is null) execute function public.wait()`;

/** Makes owner optional, and required again as down says. */
function optional(condition: string, restored = "alter table public.items alter owner set not null;"): Act {
    return {
        up: `-- lock-timeout: 20s
            select set_config('simulation_db.found', '{"required": true}', false);
            alter table public.items alter owner drop not null;`,
        down: `-- archive-rows: public.items where ${condition}\n${restored}`,
    };
}

async function guards({ admin }: SqlProject): Promise<string[]> {
    const { rows } = await admin.query<{ name: string }>(
        "select conname as name from pg_constraint where conname like 'simulation_db%' and contype = 'c' and conrelid = to_regclass('public.items')",
    );
    return rows.map(({ name }) => name);
}

/** Stops the rollback where it deletes rows; what is done meanwhile; and on. @returns what it failed with */
async function during(
    project: SqlProject,
    rollback: () => Promise<unknown>,
    work: () => Promise<void>,
): Promise<unknown> {
    await project.client.query("insert into public.items values (9001, null, 'a'), (9002, null, 'b')");
    const { admin } = project;
    await admin.query("select pg_advisory_lock(1)");
    try {
        const failure = rollback().then(
            () => undefined,
            (error: unknown) => error,
        );
        await until("it waits for the lock", async () => (await project.waiting()) > 0);
        await work();
        await admin.query("select pg_advisory_unlock(1)");
        return await failure;
    } finally {
        await admin.query("select pg_advisory_unlock_all()");
    }
}

const onlyOnce = "owner is null and (current_setting('simulation_db.found')::jsonb -> 'required')::boolean";

onStage(
    "rows that leave a large table",
    stage => {
        it("others go on writing to it meanwhile, but no more such rows; it is not read again for its rule", () =>
            stage.play({ before: large, acts: [optional(onlyOnce)] }, async play => {
                const failure = await during(
                    stage.project,
                    () => play.down(),
                    async () => {
                        const { client } = play;
                        await client.query("set lock_timeout = '2s'");
                        await client.query("insert into public.items values (9003, 1, 'c')");
                        await client.query("update public.items set name = 'd' where id = 1");
                        await client.query("delete from public.items where id = 2");
                        const refused = { code: "23514", constraint: "simulation_db_leaving_0001_1" };
                        await assert.rejects(client.query("insert into public.items values (9004, null)"), refused);
                        await assert.rejects(
                            client.query("update public.items set owner = null where id = 3"),
                            refused,
                        );
                    },
                );
                assert.equal(failure, undefined);
                assert.deepEqual(await guards(stage.project), []);
                const proven = `existing constraints on column "items.owner" are sufficient to prove`;
                assert.ok((await stage.cluster.log()).includes(proven), "it was read again");
                const rows = "select id, name from public.items where id in (1, 2, 3) or id > 9000 order by id";
                const stayed = [
                    { id: 1, name: "d" },
                    { id: 3, name: "item 3" },
                    { id: 9003, name: "c" },
                ];
                assert.deepEqual((await play.client.query(rows)).rows, stayed);
                await play.up();
                const back = [
                    { id: 9001, name: "a" },
                    { id: 9002, name: "b" },
                ];
                assert.deepEqual(
                    (await play.client.query(rows)).rows,
                    [...stayed, ...back].toSorted((one, other) => one.id - other.id),
                );
                // The proof of undo has seen nothing of it.
                await play.again();
            }));

        it("where the rule was not there before, none of them leaves or is refused", () =>
            stage.play(
                {
                    before: large.replace("owner integer not null", "owner integer"),
                    acts: [
                        {
                            up: `-- lock-timeout: 20s
                            select set_config('simulation_db.found', '{"required": false}', false);`,
                            down: `-- archive-rows: public.items where ${onlyOnce}
                            select pg_advisory_xact_lock(1);
                            do $$ begin if false then alter table public.items alter owner set not null; end if; end $$;`,
                        },
                    ],
                },
                async play => {
                    const failure = await during(
                        stage.project,
                        () => play.down(),
                        async () => assert.deepEqual(await guards(stage.project), []),
                    );
                    assert.equal(failure, undefined);
                    const { rows } = await play.client.query(
                        "select id from public.items where owner is null order by 1",
                    );
                    assert.deepEqual(rows, [{ id: 9001 }, { id: 9002 }]);
                },
            ));

        it("who gives one of them a value meanwhile waits for it, and either of the two begins again", () =>
            stage.play({ before: large, acts: [optional("owner is null")] }, async play => {
                let late: Promise<string> = Promise.resolve("");
                const failure = await during(
                    stage.project,
                    () => play.down(),
                    async () => {
                        const other = await stage.project.connect();
                        late = other.query("update public.items set owner = 5 where id = 9001").then(
                            ({ rowCount }) => `changed ${rowCount}`,
                            (error: { code?: string }) => `refused ${error.code}`,
                        );
                        await until("both wait", async () => (await stage.project.waiting()) > 1);
                    },
                );
                assert.equal(failure, undefined);
                assert.deepEqual(await guards(stage.project), []);
                // Whom PostgreSQL takes out of a deadlock is its own choice.
                const owner = { "changed 1": 5, "refused 40P01": null }[await late];
                assert.notEqual(owner, undefined, await late);
                const found = "select id, owner from public.items where id > 9000 order by id";
                assert.deepEqual((await play.client.query(found)).rows, owner ? [{ id: 9001, owner }] : []);
                await play.up();
                assert.deepEqual((await play.client.query(found)).rows, [
                    { id: 9001, owner },
                    { id: 9002, owner: null },
                ]);
            }));

        it("rows of another condition leave behind a lock, as ever", () => {
            const act = optional("owner is null");
            const acts = [{ ...act, down: `-- archive-rows: public.items where lower(name) = 'z'\n${act.down}` }];
            return stage.play({ before: large, acts }, async play => {
                await play.client.query("insert into public.items values (9003, 1, 'Z')");
                const failure = await during(
                    stage.project,
                    () => play.down(),
                    async () => {
                        await play.client.query("set lock_timeout = '300ms'");
                        const late = play.client.query("insert into public.items values (9004, 1, 'Z')");
                        await assert.rejects(late, { code: "55P03" });
                    },
                );
                assert.equal(failure, undefined);
                await play.up();
                const { rows } = await play.client.query("select id from public.items where id > 9000 order by id");
                assert.deepEqual(rows, [{ id: 9001 }, { id: 9002 }, { id: 9003 }]);
            });
        });

        it("those of partitions leave like that too", () => {
            const before = large.replace("filler text);", "filler text) partition by range (id);").replace(
                "alter table public.items alter filler",
                `create table public.items_1 partition of public.items for values from (0) to (5000);
                 create table public.items_2 partition of public.items default;
                 alter table public.items_1 alter filler set storage plain;
                 alter table public.items_2 alter filler`,
            );
            return stage.play({ before, acts: [optional("owner is null")] }, async play => {
                const failure = await during(
                    stage.project,
                    () => play.down(),
                    async () => {
                        await play.client.query("insert into public.items values (9003, 1, 'c')");
                        assert.deepEqual(await guards(stage.project), ["simulation_db_leaving_0001_1"]);
                    },
                );
                assert.equal(failure, undefined);
                await play.up();
                const { rows } = await play.client.query("select id from public.items where id > 9000 order by id");
                assert.deepEqual(rows, [{ id: 9001 }, { id: 9002 }, { id: 9003 }]);
                await play.again();
            });
        });

        it("a condition that asks for more is not held against anybody's statement", async () => {
            for (const condition of [
                "owner is null and lower(name) <> 'z'",
                "owner is null and current_user = 'postgres'",
                "owner is null and name <> 'z'",
            ]) {
                await stage.play({ before: large, acts: [optional(condition)] }, async play => {
                    const failure = await during(
                        stage.project,
                        () => play.down(),
                        async () => assert.deepEqual(await guards(stage.project), []),
                    );
                    assert.equal(failure, undefined);
                });
            }
        });

        it("a down that fails leaves nothing in their way", () => {
            const restored = "alter table public.items alter owner set not null;\nselect 1 / 0;";
            return stage.play({ before: large, acts: [optional("owner is null", restored)] }, async play => {
                const failure = await during(
                    stage.project,
                    () => play.down(),
                    async () => assert.deepEqual(await guards(stage.project), ["simulation_db_leaving_0001_1"]),
                );
                assert.match(String(failure), /division by zero/);
                assert.deepEqual(await guards(stage.project), []);
                await play.client.query("insert into public.items values (9003, null, 'c')");
            });
        });

        it("where PostgreSQL does not check it while a foreign key is still to be looked at, the rows leave behind a lock", () => {
            const before = `${large};
            create table public.notes (item integer references public.items deferrable initially deferred)`;
            const restored = "set constraints all immediate;\nalter table public.items alter owner set not null;";
            return stage.play({ before, acts: [optional("owner is null", restored)] }, async play => {
                await play.client.query("insert into public.items values (9001, null, 'a')");
                await play.down();
                assert.match(play.said.join("\n"), /0001_act: not while others write \(.*pending trigger events.*\)/);
                assert.deepEqual(await guards(stage.project), []);
                await play.up();
                const { rows } = await play.client.query("select id from public.items where owner is null");
                assert.deepEqual(rows, [{ id: 9001 }]);
            });
        });

        for (const next of ["migrate up", "migrate down --to 0000", "repair reverted 0001 --reason test"]) {
            it(`after one that was killed, ${next} takes away what was in their way`, async () => {
                const project = await sqlProject(stage.cluster, {
                    "0001_act": { ...optional("owner is null"), verify: "select 1;" },
                });
                try {
                    await project.client.query(large);
                    await project.must("migrate up");
                    const run = project.start("migrate down --to 0000");
                    await during(
                        project,
                        () => run.outcome,
                        async () => {
                            await run.kill9();
                            await until("the server has noticed", async () => (await project.waiting()) === 0);
                            assert.deepEqual(await guards(project), ["simulation_db_leaving_0001_1"]);
                            const told = /^interrupted +0001_act +its rollback is under way or was killed/m;
                            assert.match((await project.must("status")).stdout, told);
                            const { rows } = await project.admin.query(
                                "select key from simulation_db.catalog() where key like '%leaving%'",
                            );
                            assert.deepEqual(rows, []);
                        },
                    );
                    await project.must(next);
                    assert.deepEqual(await guards(project), []);
                    const { rows } = await project.client.query("select id from public.items where owner is null");
                    assert.deepEqual(rows, next.startsWith("migrate down") ? [] : [{ id: 9001 }, { id: 9002 }]);
                } finally {
                    await project.remove();
                }
            });
        }
    },
    { log_min_messages: "debug1" },
);
