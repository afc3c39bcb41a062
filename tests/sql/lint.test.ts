import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { breachesOf, objectsMadeBy } from "../../authoring/conventions/conventions.ts";
import { styleBreaches } from "../../authoring/conventions/style.ts";
import { readExample } from "./example.ts";
import { readOwnMigrations, sqlFolder } from "./own.ts";

describe("the SQL files", function () {
    this.timeout(30_000);

    it("are migrations in order, each with up, down and verify and nothing else beside them", async () => {
        const migrations = await readOwnMigrations();
        assert.ok(migrations.length > 20);
        for (const { version, slug } of migrations) {
            const files = await readdir(join(sqlFolder, `${version}_${slug}`));
            assert.deepEqual(files.sort(), ["down.sql", "up.sql", "verify.sql"]);
        }
    });

    it("ask for no gate to be opened: a stack with gates: strict applies them, too", async () => {
        for (const { version, up } of await readOwnMigrations()) assert.doesNotMatch(up, /^-- allow-/m, version);
    });

    it("keep to the conventions, as npm run check:sql sees them", async () => {
        const known = new Set<string>();
        const found: string[] = [];
        for (const migration of [...(await readOwnMigrations()), await readExample()]) {
            for (const { part, line, words } of await breachesOf(migration, object => known.has(object))) {
                found.push(`${migration.version}_${migration.slug}/${part}.sql:${line}: ${words}`);
            }
            for (const object of await objectsMadeBy(migration)) known.add(object);
        }
        const preconditions = await readFile(join(sqlFolder, "preconditions.sql"), "utf8");
        for (const { line, words } of await styleBreaches(preconditions))
            found.push(`preconditions.sql:${line}: ${words}`);
        assert.deepEqual(found, []);
    });
});
