import assert from "node:assert/strict";
import type pg from "pg";
import { type Ground, makeGround, opposites, titleOf } from "./ground.ts";
import {
    type Actor,
    ada,
    alan,
    anon,
    authAdmin,
    forbidden,
    grace,
    postgres,
    reader,
    refusal,
    type Say,
    scene,
    serviceRole,
    uploadService,
} from "./scene.ts";

for (const kind of opposites) {
    describe(`datasets (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
            await ground.up();
            // What the stack's own grants say.
            await ground.postgres.query(`
                grant select,
                    insert (id, owner_id, name, description, file_path, file_size, file_type, schema_json, row_count, column_count),
                    update (file_size, schema_json, row_count, column_count)
                on public.datasets to dataset_service;
                grant select on public.datasets, public.simulation_runs to simulation_reader`);
        });
        after(() => ground?.stop());

        const insert = (say: Say, actor: Actor, row: Record<string, unknown> = {}): Promise<pg.QueryResult> => {
            const owner = row.owner_id ?? ada.sub;
            const full = { owner_id: owner, name: "Loans", file_path: `${owner}/loans.csv`, file_type: "csv", ...row };
            const names = Object.keys(full);
            return say(
                actor,
                `insert into public.datasets (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")}) returning *`,
                Object.values(full),
            );
        };
        const countFor = async (say: Say, actor: Actor) =>
            (await say(actor, "select id from public.datasets")).rowCount;

        describe("who reaches what", () => {
            it("anon reaches nothing, not even by truncate", () =>
                scene(ground, async say => {
                    await assert.rejects(say(anon, "select from public.datasets"), forbidden);
                    await assert.rejects(insert(say, anon), forbidden);
                    await assert.rejects(say(anon, "update public.datasets set name = 'x'"), forbidden);
                    await assert.rejects(say(anon, "delete from public.datasets"), forbidden);
                    await assert.rejects(say(anon, "truncate public.datasets cascade"), forbidden);
                }));

            it("the owner adds, reads, changes and deletes", () =>
                scene(ground, async say => {
                    const { rows } = await insert(say, ada);
                    assert.equal(rows[0].owner_id, ada.sub);
                    assert.ok(rows[0].created_at instanceof Date);
                    assert.equal(await countFor(say, ada), 1);
                    assert.equal(
                        (await say(ada, "update public.datasets set name = 'New', row_count = 3")).rowCount,
                        1,
                    );
                    assert.equal((await say(ada, "delete from public.datasets")).rowCount, 1);
                }));

            it("a stranger neither sees nor changes nor deletes them, active in the same organization or not", () =>
                scene(ground, async say => {
                    await insert(say, ada);
                    for (const stranger of [alan, grace]) {
                        assert.equal(await countFor(say, stranger), 0);
                        assert.equal((await say(stranger, "update public.datasets set name = 'Mine'")).rowCount, 0);
                        assert.equal((await say(stranger, "delete from public.datasets")).rowCount, 0);
                    }
                    assert.equal(await countFor(say, ada), 1);
                }));

            it("nobody adds a dataset under another owner's name", () =>
                scene(ground, async say => {
                    await assert.rejects(insert(say, grace, { owner_id: ada.sub }), forbidden);
                }));

            it("a caller without a token's user sees and adds nothing", () =>
                scene(ground, async say => {
                    await insert(say, ada);
                    assert.equal(await countFor(say, { role: "authenticated" }), 0);
                    await assert.rejects(insert(say, { role: "authenticated" }), forbidden);
                }));

            for (const column of ["id", "owner_id", "created_at", "updated_at"]) {
                it(`the owner cannot change ${column}`, () =>
                    scene(ground, async say => {
                        await insert(say, ada);
                        await assert.rejects(say(ada, `update public.datasets set ${column} = ${column}`), forbidden);
                    }));
            }

            it("the owner cannot say when the dataset was made", () =>
                scene(ground, async say => {
                    await assert.rejects(insert(say, ada, { created_at: "2001-01-01" }), forbidden);
                }));

            it("the owner cannot choose an id, which would tell whether another's dataset has it", () =>
                scene(ground, async say => {
                    await assert.rejects(insert(say, ada, { id: "e0000000-0000-4000-8000-000000000001" }), forbidden);
                }));

            it("the owner can neither truncate nor refer to the table", () =>
                scene(ground, async say => {
                    await assert.rejects(say(ada, "truncate public.datasets cascade"), forbidden);
                    const { rows } = await say(
                        postgres,
                        "select has_any_column_privilege('authenticated', 'public.datasets', 'references') as refers",
                    );
                    assert.deepEqual(rows, [{ refers: false }]);
                }));

            it("service_role does everything", () =>
                scene(ground, async say => {
                    await insert(say, serviceRole);
                    assert.equal(await countFor(say, serviceRole), 1);
                    assert.equal((await say(serviceRole, "update public.datasets set created_at = now()")).rowCount, 1);
                    assert.equal((await say(serviceRole, "delete from public.datasets")).rowCount, 1);
                }));

            it("the upload service keeps the rows of all owners, but deletes none and changes no owner", () =>
                scene(ground, async say => {
                    await insert(say, uploadService, { owner_id: ada.sub });
                    await insert(say, uploadService, { owner_id: grace.sub });
                    assert.equal(await countFor(say, uploadService), 2);
                    const described = await say(
                        uploadService,
                        `update public.datasets set row_count = 7, column_count = 1, schema_json = '[{"name": "a", "type": "integer"}]'`,
                    );
                    assert.equal(described.rowCount, 2);
                    await assert.rejects(
                        say(uploadService, "update public.datasets set owner_id = owner_id"),
                        forbidden,
                    );
                    await assert.rejects(say(uploadService, "delete from public.datasets"), forbidden);
                    await assert.rejects(say(uploadService, "select from public.simulation_runs"), forbidden);
                    await assert.rejects(
                        say(uploadService, "select * from simulation_private.dataset_bucket"),
                        forbidden,
                    );
                }));

            it("bias detection reads all datasets and writes nothing", () =>
                scene(ground, async say => {
                    await insert(say, ada);
                    assert.equal(await countFor(say, reader), 1);
                    await assert.rejects(insert(say, reader), forbidden);
                    await assert.rejects(say(reader, "update public.datasets set name = 'x'"), forbidden);
                    await assert.rejects(say(reader, "delete from public.datasets"), forbidden);
                }));

            it("no role of the API can use the private function and view by name", () =>
                scene(ground, async say => {
                    for (const actor of [anon, ada, serviceRole]) {
                        await assert.rejects(say(actor, "select simulation_private.dataset_bucket_id()"), forbidden);
                        await assert.rejects(
                            say(actor, "select from simulation_private.active_organizations"),
                            forbidden,
                        );
                    }
                }));

            it("a dataset that is sent without an owner is the caller's, so that a user can upsert it", () =>
                scene(ground, async say => {
                    const upsert = `insert into public.datasets (name, file_path, file_type) values ($1, $2, 'csv')
                        on conflict (file_path) do update
                        set name = excluded.name, file_path = excluded.file_path, file_type = excluded.file_type
                        returning owner_id, name`;
                    for (const name of ["New", "Changed"]) {
                        const { rows } = await say(ada, upsert, [name, `${ada.sub}/loans.csv`]);
                        assert.deepEqual(rows, [{ owner_id: ada.sub, name }]);
                    }
                    const taken = say(grace, upsert, ["Taken", `${ada.sub}/loans.csv`]);
                    await assert.rejects(taken, refusal("23514", "datasets_file_path_in_owner_folder"));
                    const nobodys = say(serviceRole, upsert, ["Nobody's", `${ada.sub}/more.csv`]);
                    await assert.rejects(nobodys, refusal("23502"));
                }));

            it("deleting a user deletes their datasets", () =>
                scene(ground, async say => {
                    await insert(say, ada);
                    await insert(say, grace, { owner_id: grace.sub });
                    await say(authAdmin, "delete from auth.users where id = $1", [ada.sub]);
                    assert.equal(await countFor(say, serviceRole), 1);
                }));
        });

        describe("what a dataset may hold", () => {
            const column = (fields: Record<string, unknown>) =>
                JSON.stringify([{ name: "a", type: "string", ...fields }]);
            const refused: [what: string, row: Record<string, unknown>, constraint: string][] = [
                ["a blank name", { name: " \t " }, "datasets_name_readable"],
                ["a name with a line break", { name: "a\nb" }, "datasets_name_readable"],
                ["a name that turns the direction of writing", { name: "a\u202egpj" }, "datasets_name_readable"],
                ["a name of 201 characters", { name: "ä".repeat(201) }, "datasets_name_length"],
                ["a blank description", { description: "" }, "datasets_description_readable"],
                [
                    "a description with an escape character",
                    { description: "a\u001b[31m" },
                    "datasets_description_readable",
                ],
                ["a description of 4001 characters", { description: "a".repeat(4001) }, "datasets_description_length"],
                [
                    "another type of file",
                    { file_type: "exe", file_path: `${ada.sub}/a.exe` },
                    "datasets_file_type_known",
                ],
                [
                    "a type that is a pattern",
                    { file_type: "(", file_path: `${ada.sub}/a.(` },
                    "datasets_file_type_known",
                ],
                ["a type in capitals", { file_type: "CSV" }, "datasets_file_type_known"],
                [
                    "an extension that is not the type's",
                    { file_path: `${ada.sub}/a.parquet` },
                    "datasets_file_path_extension",
                ],
                ["no extension", { file_path: `${ada.sub}/acsv` }, "datasets_file_path_extension"],
                ["nothing before the extension", { file_path: `${ada.sub}/.csv` }, "datasets_file_path_extension"],
                ["another owner's folder", { file_path: `${grace.sub}/a.csv` }, "datasets_file_path_in_owner_folder"],
                ["no folder", { file_path: "a.csv" }, "datasets_file_path_in_owner_folder"],
                ["a leading slash", { file_path: `/${ada.sub}/a.csv` }, "datasets_file_path_in_owner_folder"],
                ["a way up", { file_path: `${ada.sub}/../${grace.sub}/a.csv` }, "datasets_file_path_safe"],
                ["a dot as a folder", { file_path: `${ada.sub}/./a.csv` }, "datasets_file_path_safe"],
                ["a double slash", { file_path: `${ada.sub}//a.csv` }, "datasets_file_path_safe"],
                ["a backslash", { file_path: `${ada.sub}/..\\a.csv` }, "datasets_file_path_safe"],
                ["a control character in the path", { file_path: `${ada.sub}/a\u0007.csv` }, "datasets_file_path_safe"],
                [
                    "a path of more than 1024 bytes",
                    { file_path: `${ada.sub}/${"ä".repeat(500)}.csv` },
                    "datasets_file_path_safe",
                ],
                ["a negative size", { file_size: -1 }, "datasets_file_size_not_negative"],
                ["a negative row count", { row_count: -1 }, "datasets_row_count_not_negative"],
                ["a negative column count", { column_count: -1 }, "datasets_column_count_not_negative"],
                ["a schema that is an object", { schema_json: "{}" }, "datasets_schema_json_valid"],
                ["a schema that is the JSON null", { schema_json: "null" }, "datasets_schema_json_valid"],
                ["a column that is a string", { schema_json: '["a"]' }, "datasets_schema_json_valid"],
                ["a column without a name", { schema_json: '[{"type": "string"}]' }, "datasets_schema_json_valid"],
                ["a column with a blank name", { schema_json: column({ name: " " }) }, "datasets_schema_json_valid"],
                [
                    "a column with a number for a name",
                    { schema_json: column({ name: 1 }) },
                    "datasets_schema_json_valid",
                ],
                [
                    "a column with a line break in its name",
                    { schema_json: column({ name: "a\nb" }) },
                    "datasets_schema_json_valid",
                ],
                [
                    "a column with a very long name",
                    { schema_json: column({ name: "a".repeat(256) }) },
                    "datasets_schema_json_valid",
                ],
                ["a column without a type", { schema_json: '[{"name": "a"}]' }, "datasets_schema_json_valid"],
                ["a column of an unknown type", { schema_json: column({ type: "int" }) }, "datasets_schema_json_valid"],
                [
                    "a nullable that is a string",
                    { schema_json: column({ nullable: "no" }) },
                    "datasets_schema_json_valid",
                ],
                ["a nullable that is null", { schema_json: column({ nullable: null }) }, "datasets_schema_json_valid"],
                [
                    "two columns of one name",
                    { schema_json: '[{"name": "a", "type": "string"}, {"name": "a", "type": "integer"}]' },
                    "datasets_schema_json_valid",
                ],
                [
                    "a count that is not the schema's",
                    { schema_json: column({}), column_count: 2 },
                    "datasets_schema_json_valid",
                ],
                [
                    "a schema of more than 1 MiB",
                    { schema_json: column({ note: "x".repeat(1_048_576) }) },
                    "datasets_schema_json_valid",
                ],
            ];
            for (const [what, row, constraint] of refused) {
                it(`refuses ${what}`, () =>
                    scene(ground, async say => {
                        await assert.rejects(insert(say, ada, row), refusal("23514", constraint));
                        await assert.rejects(insert(say, serviceRole, row), refusal("23514", constraint));
                    }));
            }

            const taken: [what: string, row: Record<string, unknown>][] = [
                ["everything left out that may be", {}],
                ["a name of 200 characters in any script", { name: `${"数".repeat(199)}🎉` }],
                ["a description of several lines", { description: "First\n\tSecond\r\n" }],
                [
                    "Parquet in capitals in a folder with dots",
                    { file_type: "parquet", file_path: `${ada.sub}/v1..2/A file.PARQUET` },
                ],
                ["an empty file", { file_size: 0, row_count: 0, column_count: 0, schema_json: "[]" }],
                ["more keys in a column", { schema_json: column({ nullable: false, unit: "EUR" }), column_count: 1 }],
                ["a schema without a count", { schema_json: column({ type: "timestamp" }) }],
                [
                    "a thousand columns",
                    {
                        schema_json: JSON.stringify(
                            Array.from({ length: 1000 }, (_, n) => ({ name: `c${n}`, type: "number" })),
                        ),
                    },
                ],
            ];
            for (const [what, row] of taken) {
                it(`takes ${what}`, () =>
                    scene(ground, async say => {
                        assert.equal((await insert(say, ada, row)).rowCount, 1);
                    }));
            }

            it("says which column of the schema is wrong, and what would be right", () =>
                scene(ground, async say => {
                    await assert.rejects(
                        insert(say, ada, {
                            schema_json: '[{"name": "a", "type": "string"}, {"name": "b", "type": "int"}]',
                        }),
                        (error: pg.DatabaseError) => {
                            assert.match(error.message, /column 2 has the unknown type "int"/);
                            assert.match(error.hint ?? "", /Known types: boolean, integer/);
                            assert.equal(error.table, "datasets");
                            return true;
                        },
                    );
                }));

            it("keeps one row per object in Storage", () =>
                scene(ground, async say => {
                    await insert(say, ada);
                    await assert.rejects(insert(say, ada), refusal("23505", "datasets_file_path_key"));
                }));

            it("needs an owner that exists", () =>
                scene(ground, async say => {
                    const nobody = "a0000000-0000-4000-8000-0000000000ff";
                    await assert.rejects(
                        insert(say, serviceRole, { owner_id: nobody }),
                        refusal("23503", "datasets_owner_id_fkey"),
                    );
                }));
        });

        describe("the size limit", () => {
            it("is the setting that rules the bucket", () =>
                scene(ground, async say => {
                    const limit = 52_428_800;
                    assert.equal((await insert(say, ada, { file_size: limit })).rowCount, 1);
                    await assert.rejects(
                        insert(say, grace, { owner_id: grace.sub, file_size: limit + 1 }),
                        (error: pg.DatabaseError) => {
                            assert.equal(error.constraint, "datasets_file_size_within_limit");
                            assert.equal(error.code, "23514");
                            assert.match(error.message, /52428801 bytes, but datasets may have at most 52428800 bytes/);
                            return true;
                        },
                    );
                    await say(postgres, "update simulation_private.dataset_bucket set max_bytes = 100000000");
                    assert.equal((await insert(say, grace, { owner_id: grace.sub, file_size: limit + 1 })).rowCount, 1);
                }));

            it("when lowered, it stops larger sizes and no other change to rows that are over it", () =>
                scene(ground, async say => {
                    await insert(say, ada, { file_size: 5000 });
                    await say(postgres, "update simulation_private.dataset_bucket set max_bytes = 1000");
                    assert.equal(
                        (await say(ada, "update public.datasets set name = 'Renamed', file_size = 5000")).rowCount,
                        1,
                    );
                    const larger = say(ada, "update public.datasets set file_size = 4000");
                    await assert.rejects(larger, refusal("23514", "datasets_file_size_within_limit"));
                    assert.equal((await say(ada, "update public.datasets set file_size = 1000")).rowCount, 1);
                }));

            it("when lowered, it stops no upsert of a row that is over it and stays as large", () =>
                scene(ground, async say => {
                    const size = 5000;
                    const { rows } = await insert(say, ada, { file_size: size });
                    await say(postgres, "update simulation_private.dataset_bucket set max_bytes = 1000");
                    /** As supabase-js sends it: all columns of the row are changed. */
                    const upsert = (actor: Actor, key: string, row: Record<string, unknown>) => {
                        const names = Object.keys(row);
                        return say(
                            actor,
                            `insert into public.datasets (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")})
                             on conflict (${key}) do update set ${names.map(name => `${name} = excluded.${name}`).join(", ")}`,
                            Object.values(row),
                        );
                    };
                    const { id, owner_id, file_path } = rows[0] as Record<string, unknown>;
                    const row = { name: "Renamed", file_path, file_type: "csv", file_size: size };
                    assert.equal((await upsert(serviceRole, "id", { id, owner_id, ...row })).rowCount, 1);
                    assert.equal((await upsert(ada, "file_path", row)).rowCount, 1);
                    const tooLarge = refusal("23514", "datasets_file_size_within_limit");
                    const changed = upsert(serviceRole, "id", { id, owner_id, ...row, file_size: size - 1 });
                    await assert.rejects(changed, tooLarge);
                    const added = { ...row, file_path: `${ada.sub}/new.csv` };
                    await assert.rejects(upsert(ada, "file_path", added), tooLarge);
                    await assert.rejects(insert(say, uploadService, added), tooLarge);
                }));

            it("when lowered, it lets the owner of the table bring back what was larger already", () =>
                scene(ground, async say => {
                    await insert(say, ada, { file_size: 5000 });
                    await say(postgres, "create temp table kept as table public.datasets; delete from public.datasets");
                    await say(postgres, "update simulation_private.dataset_bucket set max_bytes = 1000");
                    const restore = "insert into public.datasets select * from kept on conflict do nothing";
                    assert.equal((await say(postgres, restore)).rowCount, 1);
                    assert.equal((await say(postgres, restore)).rowCount, 0);
                    await say(postgres, "grant select on kept to service_role; delete from public.datasets");
                    await assert.rejects(
                        say(serviceRole, restore),
                        refusal("23514", "datasets_file_size_within_limit"),
                    );
                }));

            it("holds one row, with a bucket and a positive limit", () =>
                scene(ground, async say => {
                    const more =
                        "insert into simulation_private.dataset_bucket (only_row, bucket_id, max_bytes) values ($1, 'more', 1)";
                    await assert.rejects(say(postgres, more, [true]), refusal("23505"));
                    await assert.rejects(say(postgres, more, [false]), refusal("23514", "dataset_bucket_one_row"));
                    const none = say(postgres, "update simulation_private.dataset_bucket set max_bytes = 0");
                    await assert.rejects(none, refusal("23514", "dataset_bucket_max_bytes_positive"));
                }));
        });

        it("updated_at moves with every change, whatever the caller says", () =>
            scene(ground, async say => {
                await insert(say, serviceRole, { updated_at: "2001-01-01" });
                await say(serviceRole, "update public.datasets set updated_at = '2002-01-01'");
                const { rows } = await say(serviceRole, "select updated_at = now() as now from public.datasets");
                assert.deepEqual(rows, [{ now: true }]);
            }));
    });
}
