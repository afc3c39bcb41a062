import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { summary } from "../../runner/migration/migration.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import { codeOf, faultsOf, readExample, wordsOf } from "./conventions.ts";
import { sqlFolder } from "./ground.ts";

describe("the SQL files", function () {
    this.timeout(30_000);

    it("are migrations in order, each with up, down and verify and nothing else beside them", async () => {
        const migrations = await readMigrations(sqlFolder);
        assert.ok(migrations.length > 20);
        for (const { version, slug } of migrations) {
            const files = await readdir(join(sqlFolder, `${version}_${slug}`));
            assert.deepEqual(files.sort(), ["down.sql", "up.sql", "verify.sql"]);
        }
    });

    it("keep to the conventions", async () => {
        const faults: string[] = [];
        for (const migration of [...(await readMigrations(sqlFolder)), await readExample()]) {
            for (const part of ["up", "down", "verify"] as const) {
                const found = await faultsOf(migration[part]);
                faults.push(...found.map(fault => `${migration.version}_${migration.slug}/${part}.sql: ${fault}`));
            }
        }
        const preconditions = await readFile(join(sqlFolder, "preconditions.sql"), "utf8");
        faults.push(...(await faultsOf(preconditions)).map(fault => `preconditions.sql: ${fault}`));
        assert.deepEqual(faults, []);
    });

    it("each say in one sentence what up does, how down undoes it and what verify looks at", async () => {
        const sentence = /^[A-Z\d].*[^.]\.$|^[a-z]\w*.*[^.]\.$/;
        for (const migration of await readMigrations(sqlFolder)) {
            assert.match(summary(migration), sentence, `${migration.version}_${migration.slug}/up.sql`);
            for (const part of ["down", "verify"] as const) {
                assert.match(
                    migration[part].split("\n").find(line => !/^-- [a-z-]+: /.test(line)) ?? "",
                    /^-- .*\.$/,
                    `${migration.version}_${migration.slug}/${part}.sql`,
                );
            }
        }
    });

    it("verify reads catalogs, not data, and changes nothing", async () => {
        for (const { version, verify } of await readMigrations(sqlFolder)) {
            for (const code of await codeOf(verify)) {
                const words = (await wordsOf(code)).replaceAll(/'[^']*'/g, "''");
                assert.doesNotMatch(
                    words,
                    /\b(insert|update|delete|truncate|alter|create|drop|grant|revoke)\b/,
                    version,
                );
                for (const [, name = ""] of words.matchAll(/\b(?:from|join) (\w+)/g)) {
                    assert.match(name, /^(pg_\w+|lateral|values)$/, `${version}/verify.sql reads ${name}`);
                }
            }
        }
    });

    for (const [what, sql, fault] of [
        ["capitals", "SELECT 1;\n", "SELECT is not in lowercase"],
        ["capitals in a function's body", "do $$\nBEGIN\nend\n$$;\n", "BEGIN is not in lowercase"],
        ["a guarded create", "create table if not exists a.b ();\n", "if not exists"],
        [
            "a guarded create inside execute",
            "do $$\nbegin\n    execute format('create index if not exists %I on a.b (c)', 'd');\nend\n$$;\n",
            "if not exists",
        ],
        ["a guarded drop", "drop table if exists a.b;\n", "if exists"],
        ["a drop that takes others along", "drop table a.b cascade;\n", "cascade"],
        ["a silent replacement", "create or replace view a.b as select 1;\n", "create or replace"],
    ] as const) {
        it(`would be refused for ${what}`, async () => {
            assert.deepEqual(await faultsOf(sql), [fault]);
        });
    }

    it("may say `on delete cascade`, and plpgsql's own `if not exists`", async () => {
        const sql =
            "create table a.b (c uuid references a.d (c) on delete cascade);\ndo $$\nbegin\n    if not exists (select from a.b) then\n        return;\n    end if;\nend\n$$;\n";
        assert.deepEqual(await faultsOf(sql), []);
    });
});
