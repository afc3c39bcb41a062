import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { type Ground, makeGround, opposites, titleOf } from "./ground.ts";
import {
    type Actor,
    ada,
    alan,
    anon,
    authAdmin,
    barbara,
    contoso,
    edsger,
    forbidden,
    grace,
    katherine,
    linus,
    northwind,
    postgres,
    reader,
    refusal,
    type Say,
    scene,
    serviceRole,
} from "./scene.ts";

for (const kind of opposites) {
    describe(`simulation_runs (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
            await ground.up();
            await ground.postgres.query("grant select on public.datasets, public.simulation_runs to simulation_reader");
        });
        after(() => ground?.stop());

        type Row = Record<string, unknown>;
        const insert = async (say: Say, actor: Actor, row: Row): Promise<pg.QueryResult> => {
            const full: Row = { name: "Mine", ...row };
            const names = Object.keys(full);
            const places = names.map((_, index) => `$${index + 1}`).join(", ");
            // No `returning`: it would ask the read policy as well.
            return await say(
                actor,
                `insert into public.simulation_runs (${names.join(", ")}) values (${places})`,
                Object.values(full),
            );
        };
        const visibleTo = async (say: Say, actor: Actor) => {
            const { rows } = await say(
                actor,
                "select name from public.simulation_runs where name !~ '^Run ' order by name",
            );
            return rows.map(({ name }) => name);
        };
        const datasetOf = async (say: Say, owner: Actor): Promise<string> => {
            const { rows } = await say(
                owner,
                "insert into public.datasets (owner_id, name, file_path, file_type) values ($1, 'Loans', $2, 'csv') returning id",
                [owner.sub, `${owner.sub}/loans.csv`],
            );
            return rows[0].id;
        };
        const finish =
            "update public.simulation_runs set status = 'completed', completed_at = now() where name = 'Mine'";
        const remove = "delete from public.simulation_runs where name = 'Mine'";

        describe("reading", () => {
            it("anon reaches nothing", () =>
                scene(ground, async say => {
                    await assert.rejects(say(anon, "select from public.simulation_runs"), forbidden);
                    await assert.rejects(insert(say, anon, { org_id: northwind }), forbidden);
                    await assert.rejects(say(anon, finish), forbidden);
                    await assert.rejects(say(anon, remove), forbidden);
                    await assert.rejects(say(anon, "truncate public.simulation_runs"), forbidden);
                }));

            it("a run of a user alone is seen by that user alone", () =>
                scene(ground, async say => {
                    await insert(say, ada, { user_id: ada.sub });
                    assert.deepEqual(await visibleTo(say, ada), ["Mine"]);
                    assert.deepEqual(await visibleTo(say, alan), []);
                    assert.deepEqual(await visibleTo(say, linus), []);
                }));

            it("a run of an organization is seen by its active members: not by removed, invited, inactive ones or strangers", () =>
                scene(ground, async say => {
                    await insert(say, serviceRole, { name: "Northwind's", org_id: northwind });
                    await insert(say, serviceRole, { name: "Contoso's", org_id: contoso });
                    assert.deepEqual(await visibleTo(say, ada), ["Northwind's"]);
                    assert.deepEqual(await visibleTo(say, alan), ["Contoso's", "Northwind's"]);
                    assert.deepEqual(await visibleTo(say, grace), ["Contoso's"]);
                    for (const outsider of [edsger, barbara, katherine, linus]) {
                        assert.deepEqual(await visibleTo(say, outsider), []);
                    }
                }));

            it("a removed member still reads their own runs there, and no other's", () =>
                scene(ground, async say => {
                    await insert(say, serviceRole, { name: "Edsger's", org_id: northwind, user_id: edsger.sub });
                    await insert(say, serviceRole, { name: "Ada's", org_id: northwind, user_id: ada.sub });
                    assert.deepEqual(await visibleTo(say, edsger), ["Edsger's"]);
                }));

            it("the older runs of the organizations stay visible to their members", () =>
                scene(ground, async say => {
                    assert.equal((await say(ada, "select from public.simulation_runs")).rowCount, 4);
                    assert.equal((await say(alan, "select from public.simulation_runs")).rowCount, 8);
                    assert.equal((await say(linus, "select from public.simulation_runs")).rowCount, 0);
                }));

            it("bias detection reads all runs and writes none", () =>
                scene(ground, async say => {
                    assert.equal((await say(reader, "select from public.simulation_runs")).rowCount, 12);
                    await assert.rejects(insert(say, reader, { org_id: northwind }), forbidden);
                    await assert.rejects(say(reader, finish), forbidden);
                    await assert.rejects(say(reader, remove), forbidden);
                }));
        });

        describe("starting a run", () => {
            const allowed: [what: string, actor: Actor, row: Row][] = [
                ["for oneself", linus, { user_id: linus.sub }],
                ["for oneself in one's organization", ada, { user_id: ada.sub, org_id: northwind }],
                ["for one's organization under no name, as before", ada, { org_id: northwind }],
                ["for another of one's organizations", alan, { user_id: alan.sub, org_id: contoso }],
                ["as a service for anybody", serviceRole, { user_id: ada.sub, org_id: contoso }],
            ];
            for (const [what, actor, row] of allowed) {
                it(`${what} works`, () =>
                    scene(ground, async say => {
                        assert.equal((await insert(say, actor, row)).rowCount, 1);
                    }));
            }

            const refused: [what: string, actor: Actor, row: Row][] = [
                ["under another person's name", ada, { user_id: alan.sub }],
                [
                    "under another person's name in one's own organization",
                    ada,
                    { user_id: alan.sub, org_id: northwind },
                ],
                ["in a foreign organization", ada, { user_id: ada.sub, org_id: contoso }],
                ["in a foreign organization under no name", ada, { org_id: contoso }],
                ["in any organization as a member of none", linus, { user_id: linus.sub, org_id: northwind }],
                ["in an organization that removed one", edsger, { user_id: edsger.sub, org_id: northwind }],
                ["in an organization that only invited one", barbara, { user_id: barbara.sub, org_id: northwind }],
                ["in an organization where one is inactive", katherine, { user_id: katherine.sub, org_id: contoso }],
                ["for nobody", ada, {}],
                ["without saying who one is", { role: "authenticated" }, { org_id: northwind }],
            ];
            for (const [what, actor, row] of refused) {
                it(`${what} is refused`, () =>
                    scene(ground, async say => {
                        await assert.rejects(insert(say, actor, row), forbidden);
                    }));
            }

            it("on one's own dataset works", () =>
                scene(ground, async say => {
                    const dataset_id = await datasetOf(say, ada);
                    await insert(say, ada, { user_id: ada.sub, org_id: northwind, dataset_id });
                }));

            it("on another person's dataset, or one that does not exist, is refused in the same words", () =>
                scene(ground, async say => {
                    const words: string[] = [];
                    for (const dataset_id of [await datasetOf(say, ada), "00000000-0000-4000-8000-000000000000"]) {
                        await assert.rejects(
                            insert(say, alan, { user_id: alan.sub, dataset_id }),
                            (error: pg.DatabaseError) => {
                                words.push(error.message);
                                return forbidden(error);
                            },
                        );
                    }
                    assert.equal(words[0], words[1]);
                }));

            it("stays honest where an older policy allows everything", () =>
                scene(ground, async say => {
                    await say(
                        postgres,
                        "create policy anything on public.simulation_runs for all to authenticated using (true) with check (true)",
                    );
                    const dataset_id = await datasetOf(say, grace);
                    await assert.rejects(insert(say, ada, { user_id: alan.sub, org_id: northwind }), forbidden);
                    await assert.rejects(insert(say, ada, { org_id: contoso }), forbidden);
                    await assert.rejects(insert(say, ada, { user_id: ada.sub, dataset_id }), forbidden);
                    await insert(say, ada, { user_id: ada.sub });
                    for (const change of [
                        `user_id = '${alan.sub}'`,
                        `org_id = '${contoso}'`,
                        `dataset_id = '${dataset_id}'`,
                    ]) {
                        const update = say(ada, `update public.simulation_runs set ${change} where name = 'Mine'`);
                        await assert.rejects(update, forbidden, change);
                    }
                }));
        });

        describe("changing and deleting a run", () => {
            // Who may do it to a run, by whose it is.
            const cells: [what: string, row: Row, finishers: Actor[], deleters: Actor[]][] = [
                ["of a user alone", { user_id: ada.sub }, [ada], [ada]],
                ["of a user in an organization", { user_id: ada.sub, org_id: northwind }, [ada], [ada]],
                ["of an organization under no name", { org_id: northwind }, [ada, alan], []],
                ["of a user who was removed from the organization", { user_id: edsger.sub, org_id: northwind }, [], []],
                ["of nobody", {}, [], []],
            ];
            const everybody: [string, Actor][] = Object.entries({
                ada,
                alan,
                grace,
                edsger,
                barbara,
                katherine,
                linus,
            });
            for (const [what, row, finishers, deleters] of cells) {
                for (const [name, actor] of everybody) {
                    const may = (list: Actor[]) => (list.includes(actor) ? 1 : 0);
                    it(`${name} ${may(finishers) ? "finishes" : "does not finish"} and ${may(deleters) ? "deletes" : "does not delete"} a run ${what}`, () =>
                        scene(ground, async say => {
                            await insert(say, serviceRole, row);
                            assert.equal((await say(actor, finish)).rowCount, may(finishers));
                            assert.equal((await say(actor, remove)).rowCount, may(deleters));
                        }));
                }
            }

            it("service_role finishes and deletes any run", () =>
                scene(ground, async say => {
                    await insert(say, serviceRole, {});
                    assert.equal((await say(serviceRole, finish)).rowCount, 1);
                    assert.equal((await say(serviceRole, remove)).rowCount, 1);
                }));

            for (const [what, change] of [
                ["another person's name", `user_id = '${alan.sub}'`],
                ["a foreign organization", `org_id = '${contoso}'`],
                ["nobody", "user_id = null"],
                ["a dataset that one cannot see", "dataset_id = $1"],
            ] as const) {
                it(`the owner cannot move a run to ${what}`, () =>
                    scene(ground, async say => {
                        const theirs = await datasetOf(say, alan);
                        await insert(say, ada, { user_id: ada.sub });
                        const sql = `update public.simulation_runs set ${change} where name = 'Mine'`;
                        await assert.rejects(say(ada, sql, change.includes("$1") ? [theirs] : []), forbidden);
                    }));
            }

            it("a member finishes a run of their organization on a colleague's dataset, and neither sees nor moves that", () =>
                scene(ground, async say => {
                    const dataset_id = await datasetOf(say, alan);
                    await insert(say, alan, { org_id: northwind, dataset_id });
                    await insert(say, alan, { name: "Mine, too", org_id: northwind });
                    assert.equal((await say(ada, "select from public.datasets")).rowCount, 0);
                    assert.equal((await say(ada, finish)).rowCount, 1);
                    const sendBack = "update public.simulation_runs set dataset_id = $1 where name = 'Mine'";
                    assert.equal((await say(ada, sendBack, [dataset_id])).rowCount, 1);
                    const move = "update public.simulation_runs set dataset_id = $1 where name = 'Mine, too'";
                    await assert.rejects(say(ada, move, [dataset_id]), forbidden);
                    assert.equal((await say(alan, move, [dataset_id])).rowCount, 1);
                }));

            it("another person's dataset, and one that does not exist, are refused to a run in the same words", () =>
                scene(ground, async say => {
                    await insert(say, ada, { user_id: ada.sub });
                    const words: string[] = [];
                    for (const dataset of [await datasetOf(say, alan), "00000000-0000-4000-8000-000000000000"]) {
                        const sql = "update public.simulation_runs set dataset_id = $1 where name = 'Mine'";
                        await assert.rejects(say(ada, sql, [dataset]), (error: pg.DatabaseError) => {
                            words.push(error.message);
                            return forbidden(error);
                        });
                    }
                    assert.equal(words[0], words[1]);
                }));

            it("an older policy of an organization goes on: its members finish what others started there, and what is left of those", () =>
                scene(ground, async say => {
                    await say(
                        postgres,
                        `create policy "Members change runs" on public.simulation_runs for update to authenticated using (
                             exists (
                                 select from public.organization_members as m
                                 where m.org_id = simulation_runs.org_id and m.user_id = (select auth.uid()) and m.status = 'active'
                             )
                         )`,
                    );
                    const dataset_id = await datasetOf(say, ada);
                    await insert(say, ada, { user_id: ada.sub, org_id: northwind, dataset_id });
                    assert.equal((await say(grace, finish)).rowCount, 0);
                    assert.equal((await say(alan, finish)).rowCount, 1);
                    await insert(say, serviceRole, { name: "Left", user_id: edsger.sub, org_id: northwind });
                    const cancel = "update public.simulation_runs set status = 'cancelled' where name = 'Left'";
                    assert.equal((await say(alan, cancel)).rowCount, 1);
                    for (const change of ["user_id = auth.uid()", `org_id = '${contoso}'`]) {
                        const take = `update public.simulation_runs set ${change} where name = 'Mine'`;
                        await assert.rejects(say(alan, take), forbidden, change);
                    }
                }));

            it("no older policy lets others change a run of a user alone, or share it", () =>
                scene(ground, async say => {
                    await say(
                        postgres,
                        "create policy anything on public.simulation_runs for all to authenticated using (true) with check (true)",
                    );
                    await insert(say, ada, { user_id: ada.sub });
                    const share = `update public.simulation_runs set org_id = '${northwind}' where name = 'Mine'`;
                    for (const sql of [finish, share]) {
                        assert.equal((await say(alan, sql)).rowCount, 0);
                        assert.equal((await say(ada, sql)).rowCount, 1);
                    }
                }));

            it("a role of the project's own that includes authenticated is held to the same", async () => {
                await ground.admin.query("create role analyst in role authenticated");
                try {
                    await scene(ground, async say => {
                        const analyst = { role: "analyst", sub: alan.sub };
                        const theirs = await datasetOf(say, ada);
                        await insert(say, serviceRole, { org_id: northwind });
                        for (const change of [
                            "user_id = auth.uid()",
                            "created_at = '2001-01-01'",
                            `dataset_id = '${theirs}'`,
                        ]) {
                            const sql = `update public.simulation_runs set ${change} where name = 'Mine'`;
                            await assert.rejects(say(analyst, sql), forbidden, change);
                        }
                        assert.equal((await say(analyst, finish)).rowCount, 1);
                    });
                } finally {
                    await ground.admin.query("drop role analyst");
                }
            });

            it("the owner shares a run with an organization of theirs, once", () =>
                scene(ground, async say => {
                    await insert(say, alan, { user_id: alan.sub });
                    const give = (org: string | null) =>
                        say(alan, "update public.simulation_runs set org_id = $1 where name = 'Mine'", [org]);
                    assert.equal((await give(northwind)).rowCount, 1);
                    assert.equal((await give(northwind)).rowCount, 1);
                    await assert.rejects(give(contoso), forbidden);
                    await assert.rejects(give(null), forbidden);
                }));

            it("a member neither takes a run of their organization for themselves nor moves it out", () =>
                scene(ground, async say => {
                    await insert(say, serviceRole, { org_id: northwind });
                    for (const change of [
                        "user_id = auth.uid()",
                        "user_id = auth.uid(), org_id = null",
                        `org_id = '${contoso}'`,
                    ]) {
                        const sql = `update public.simulation_runs set ${change} where name = 'Mine'`;
                        await assert.rejects(say(alan, sql), forbidden, change);
                    }
                }));

            it("id and created_at can be sent back, but not changed; a service can mend them", () =>
                scene(ground, async say => {
                    await insert(say, ada, { user_id: ada.sub });
                    const same =
                        "update public.simulation_runs set id = id, created_at = created_at where name = 'Mine'";
                    assert.equal((await say(ada, same)).rowCount, 1);
                    for (const change of ["id = gen_random_uuid()", "created_at = created_at - interval '1 day'"]) {
                        const sql = `update public.simulation_runs set ${change} where name = 'Mine'`;
                        await assert.rejects(say(ada, sql), forbidden);
                        assert.equal((await say(serviceRole, sql)).rowCount, 1);
                    }
                }));

            it("the owner upserts by id", () =>
                scene(ground, async say => {
                    const id = "e0000000-0000-4000-8000-000000000001";
                    const upsert = (name: string) =>
                        say(
                            ada,
                            `insert into public.simulation_runs (id, user_id, name) values ($1, $2, $3)
                             on conflict (id) do update set id = excluded.id, user_id = excluded.user_id, name = excluded.name`,
                            [id, ada.sub, name],
                        );
                    await upsert("First");
                    await upsert("Second");
                    assert.deepEqual(await visibleTo(say, ada), ["Second"]);
                }));

            it("authenticated has no privilege that row level security does not bind", () =>
                scene(ground, async say => {
                    await assert.rejects(say(ada, "truncate public.simulation_runs"), forbidden);
                    const { rows } = await say(
                        postgres,
                        "select has_table_privilege('authenticated', 'public.simulation_runs', 'truncate, references, trigger') as more",
                    );
                    assert.deepEqual(rows, [{ more: false }]);
                }));
        });

        describe("what a run may hold", () => {
            const refused: [what: string, row: Row, constraint: string][] = [
                ["an unknown status", { status: "done" }, "simulation_runs_status_known"],
                ["a negative time", { execution_time_ms: -1 }, "simulation_runs_execution_time_not_negative"],
                [
                    "an end before its start",
                    { status: "failed", started_at: "2025-01-02", completed_at: "2025-01-01" },
                    "simulation_runs_completed_after_start",
                ],
                [
                    "an end while running",
                    { status: "running", completed_at: "2125-01-01" },
                    "simulation_runs_completed_when_final",
                ],
                [
                    "an execution time while running",
                    { status: "running", execution_time_ms: 1 },
                    "simulation_runs_execution_time_when_final",
                ],
                [
                    "parameters of more than 1 MiB",
                    { config_json: JSON.stringify("x".repeat(1_048_577)) },
                    "simulation_runs_config_size",
                ],
                [
                    "results of more than 16 MiB",
                    { results_json: JSON.stringify("x".repeat(16_777_217)) },
                    "simulation_runs_results_size",
                ],
                [
                    "an error message of more than 64 KiB",
                    { error_message: "x".repeat(65_537) },
                    "simulation_runs_error_message_size",
                ],
                [
                    "a user that does not exist",
                    { user_id: "a0000000-0000-4000-8000-0000000000ff" },
                    "simulation_runs_user_id_fkey",
                ],
                [
                    "a dataset that does not exist",
                    { dataset_id: "a0000000-0000-4000-8000-0000000000ff" },
                    "simulation_runs_dataset_id_fkey",
                ],
            ];
            for (const [what, row, constraint] of refused) {
                it(`refuses ${what}`, () =>
                    scene(ground, async say => {
                        const code = constraint.endsWith("_fkey") ? "23503" : "23514";
                        await assert.rejects(insert(say, serviceRole, row), refusal(code, constraint));
                    }));
            }

            for (const status of ["completed", "failed", "cancelled"]) {
                it(`stays ${status}, for services too`, () =>
                    scene(ground, async say => {
                        await insert(say, ada, { user_id: ada.sub, status });
                        for (const actor of [ada, serviceRole]) {
                            for (const later of ["running", "completed", "failed", "cancelled", null]) {
                                const sql = "update public.simulation_runs set status = $1 where name = 'Mine'";
                                const update = say(actor, sql, [later]);
                                if (later === status) assert.equal((await update).rowCount, 1);
                                else await assert.rejects(update, refusal("23514", "simulation_runs_status_kept"));
                            }
                        }
                        const mended = await say(
                            postgres,
                            "update public.simulation_runs set status = 'running', completed_at = null where name = 'Mine'",
                        );
                        assert.equal(mended.rowCount, 1);
                    }));
            }

            it("has an end when it is final: the one that was given, or now", () =>
                scene(ground, async say => {
                    await insert(say, ada, { user_id: ada.sub, status: "running", started_at: "2125-01-01" });
                    await insert(say, ada, { user_id: ada.sub, name: "Mine, too", status: "failed" });
                    const given = "2125-01-02 00:00:00+00";
                    const { rows } = await say(
                        ada,
                        `update public.simulation_runs set status = 'completed' where name = 'Mine' returning completed_at = started_at as so`,
                    );
                    assert.deepEqual(rows, [{ so: true }]);
                    await insert(say, ada, {
                        user_id: ada.sub,
                        name: "Mine, three",
                        status: "failed",
                        started_at: "2125-01-01",
                        completed_at: given,
                    });
                    const { rows: ends } = await say(
                        ada,
                        "select completed_at = now() as now, completed_at = $1 as given from public.simulation_runs where name like 'Mine, %' order by name",
                        [given],
                    );
                    assert.deepEqual(ends, [
                        { now: false, given: true },
                        { now: true, given: false },
                    ]);
                }));

            it("keeps its end, unless its owner mends it: for services too, and where the status is sent along", () =>
                scene(ground, async say => {
                    await insert(say, ada, { user_id: ada.sub, status: "failed" });
                    for (const actor of [ada, serviceRole]) {
                        for (const change of ["completed_at = null", "status = 'failed', completed_at = null"]) {
                            const sql = `update public.simulation_runs set ${change} where name = 'Mine'`;
                            await assert.rejects(say(actor, sql), refusal("23514", "simulation_runs_end_kept"));
                        }
                        const later = "update public.simulation_runs set completed_at = now() + interval '1 day'";
                        assert.equal((await say(actor, `${later} where name = 'Mine'`)).rowCount, 1);
                    }
                    const mend = "update public.simulation_runs set completed_at = null where name = 'Mine'";
                    assert.equal((await say(postgres, mend)).rowCount, 1);
                    // As a run that was final before there was the column.
                    assert.equal((await say(ada, mend)).rowCount, 1);
                    const { rows } = await say(
                        ada,
                        "update public.simulation_runs set status = 'failed' where name = 'Mine' returning completed_at",
                    );
                    assert.deepEqual(rows, [{ completed_at: null }]);
                }));

            it("runs where it is sent without a status and that means running; its owner may bring an older one in", () =>
                scene(ground, async say => {
                    const isOurs = kind.simulationRuns === "bare";
                    const started = async (actor: Actor, row: Row) => {
                        await insert(say, actor, { ...row, status: null });
                        const { rows } = await say(
                            postgres,
                            "delete from public.simulation_runs where name = 'Mine' returning status",
                        );
                        return rows;
                    };
                    for (const actor of [ada, serviceRole]) {
                        const status = isOurs ? "running" : null;
                        assert.deepEqual(await started(actor, { user_id: ada.sub }), [{ status }]);
                        const ended = insert(say, actor, {
                            user_id: ada.sub,
                            status: null,
                            completed_at: "2125-01-01",
                        });
                        if (isOurs)
                            await assert.rejects(ended, refusal("23514", "simulation_runs_completed_when_final"));
                        else await ended;
                        await say(postgres, "delete from public.simulation_runs where name = 'Mine'");
                    }
                    assert.deepEqual(await started(postgres, { started_at: null, completed_at: "2001-01-01" }), [
                        { status: null },
                    ]);
                }));

            it("is new where its status and its end are filled in: an upsert of one that is there changes them by no null", () =>
                scene(ground, async say => {
                    const older = {
                        id: "e0000000-0000-4000-8000-000000000001",
                        user_id: ada.sub,
                        started_at: null,
                        status: null,
                        completed_at: "2001-01-01",
                    };
                    const ended = { ...older, id: "e0000000-0000-4000-8000-000000000002", status: "completed" };
                    const running = { ...ended, id: "e0000000-0000-4000-8000-000000000003", status: "running" };
                    await insert(say, postgres, older);
                    await insert(say, ada, ended);
                    // As supabase-js sends it.
                    const upsert = (actor: Actor, row: Row) => {
                        const full = { name: "Mine", ...row };
                        const names = Object.keys(full);
                        return say(
                            actor,
                            `insert into public.simulation_runs (${names.join(", ")})
                             select ${names.join(", ")} from json_populate_record(null::public.simulation_runs, $1)
                             on conflict (id) do update set ${names.map(name => `${name} = excluded.${name}`).join(", ")}`,
                            [JSON.stringify(full)],
                        );
                    };
                    const stateOf = async ({ id }: { id: string }) => {
                        const { rows } = await say(
                            postgres,
                            "select status, completed_at::date::text as day from public.simulation_runs where id = $1",
                            [id],
                        );
                        return rows;
                    };
                    for (const actor of [ada, serviceRole]) {
                        const { id, user_id } = older;
                        await upsert(actor, { id, user_id, status: null });
                        await upsert(actor, older);
                        assert.deepEqual(await stateOf(older), [{ status: null, day: "2001-01-01" }]);

                        await upsert(actor, { id: ended.id, user_id, status: "completed" });
                        const without = upsert(actor, { ...ended, completed_at: null });
                        await assert.rejects(without, refusal("23514", "simulation_runs_end_kept"));
                        await upsert(actor, ended);
                        assert.deepEqual(await stateOf(ended), [{ status: "completed", day: "2001-01-01" }]);

                        await upsert(actor, { ...running, completed_at: null });
                        await upsert(actor, { ...running, status: "failed", completed_at: null });
                        const { rows: today } = await say(postgres, "select now()::date::text as day");
                        assert.deepEqual(await stateOf(running), [{ status: "failed", ...today[0] }]);
                        await say(serviceRole, "delete from public.simulation_runs where id = $1", [running.id]);
                    }
                }));

            it("is brought in by the owner of the table as it was, also without an end", () =>
                scene(ground, async say => {
                    await insert(say, postgres, { user_id: ada.sub, status: "failed" });
                    const { rows } = await say(
                        ada,
                        "select status, completed_at from public.simulation_runs where name = 'Mine'",
                    );
                    assert.deepEqual(rows, [{ status: "failed", completed_at: null }]);
                }));

            it("starts and ends where a role inserts it that may read none", () =>
                scene(ground, async say => {
                    await ground.admin.query(
                        "create role ingest bypassrls; grant insert on public.simulation_runs to ingest",
                    );
                    const ingest = { role: "ingest" };
                    await insert(say, ingest, { user_id: ada.sub, status: null });
                    await insert(say, ingest, { user_id: ada.sub, status: "failed" });
                    const { rows } = await say(
                        ada,
                        "select status, completed_at = now() as now from public.simulation_runs where name = 'Mine' order by completed_at",
                    );
                    const status = kind.simulationRuns === "bare" ? "running" : null;
                    assert.deepEqual(rows, [
                        { status: "failed", now: true },
                        { status, now: null },
                    ]);
                }));

            it("is new also where the run that has its id is just being deleted", async () => {
                const [deleting, adding] = await Promise.all([ground.connect(), ground.connect()]);
                const id = "e0000000-0000-4000-8000-000000000001";
                const add = "insert into public.simulation_runs (id, name, status) values ($1, 'Mine', 'failed')";
                try {
                    await adding.query("set role service_role");
                    await adding.query(add, [id]);
                    await deleting.query("begin");
                    await deleting.query(remove);
                    const added = adding.query(`${add} returning completed_at is not null as ended`, [id]);
                    const isWaiting = async () => {
                        const { rowCount } = await ground.admin.query(
                            "select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'as ended' and datname = current_database()",
                        );
                        return rowCount === 1;
                    };
                    while (!(await isWaiting())) await sleep(20);
                    await deleting.query("commit");
                    assert.deepEqual((await added).rows, [{ ended: true }]);
                } finally {
                    await deleting.query("rollback");
                    await ground.postgres.query(remove);
                }
            });

            it("takes every status of the plan", () =>
                scene(ground, async say => {
                    for (const status of ["running", "completed", "failed", "cancelled"]) {
                        await insert(say, ada, { user_id: ada.sub, status });
                    }
                }));
        });

        describe("when others go", () => {
            it("deleting a dataset leaves its runs without one, and moves their updated_at", () =>
                scene(ground, async say => {
                    const dataset_id = await datasetOf(say, ada);
                    await insert(say, ada, { user_id: ada.sub, dataset_id, updated_at: "2001-01-01" });
                    await say(ada, "delete from public.datasets");
                    const { rows } = await say(
                        ada,
                        "select dataset_id, updated_at = now() as moved from public.simulation_runs where name = 'Mine'",
                    );
                    assert.deepEqual(rows, [{ dataset_id: null, moved: true }]);
                }));

            it("deleting a user with runs and datasets works, and leaves the runs to their organization", () =>
                scene(ground, async say => {
                    const dataset_id = await datasetOf(say, ada);
                    await insert(say, ada, { user_id: ada.sub, org_id: northwind, dataset_id });
                    await say(authAdmin, "delete from auth.users where id = $1", [ada.sub]);
                    const { rows } = await say(
                        alan,
                        "select user_id, dataset_id from public.simulation_runs where name = 'Mine'",
                    );
                    assert.deepEqual(rows, [{ user_id: null, dataset_id: null }]);
                    assert.equal((await say(serviceRole, "select from public.datasets")).rowCount, 0);
                }));
        });
    });
}
