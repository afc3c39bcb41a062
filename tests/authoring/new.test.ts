import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNew } from "../../authoring/folder/new.ts";
import { renumber } from "../../authoring/folder/renumber.ts";
import { readDirectives, readDownDirectives } from "../../runner/migration/directives.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import { UserError } from "../../runner/userError.ts";

describe("a new migration", () => {
    let sql: string;
    beforeEach(async () => {
        sql = await mkdtemp(join(tmpdir(), "simulation-db-new-"));
    });
    afterEach(() => rm(sql, { recursive: true, force: true }));

    async function have(...names: string[]): Promise<void> {
        for (const name of names) await mkdir(join(sql, name));
    }
    const refused = (work: Promise<unknown>, message: RegExp, next: RegExp) =>
        assert.rejects(work, (error: Error) => {
            assert.ok(error instanceof UserError);
            assert.match(error.message, message);
            assert.match(error.next.join("\n"), next);
            return true;
        });

    it("gets the next number and three files, whose heads are no directives", async () => {
        await have("0001_runs", "0002_tags");
        assert.deepEqual(await makeNew(sql, "add_notes"), { version: "0003", slug: "add_notes" });
        assert.deepEqual((await readdir(join(sql, "0003_add_notes"))).sort(), ["down.sql", "up.sql", "verify.sql"]);
        const up = await readFile(join(sql, "0003_add_notes/up.sql"), "utf8");
        assert.deepEqual(readDirectives(up, "up.sql"), { transactional: true });
        readDownDirectives(await readFile(join(sql, "0003_add_notes/down.sql"), "utf8"), "down.sql");
    });

    it("is the first one in an empty folder", async () => {
        assert.equal((await makeNew(sql, "runs")).version, "0001");
    });

    it("cannot be applied as it is: it holds no statement yet", async () => {
        await makeNew(sql, "runs");
        await refused(readMigrations(sql), /up\.sql is empty/, /CONVENTIONS/);
    });

    for (const [given, better] of [
        ["Add Tags", "add_tags"],
        ["addDatasetTags", "add_dataset_tags"],
        ["0024_tags", "tags"],
        ["tags-2", "tags_2"],
        ["tags__two", "tags_two"],
        ["../tags", "tags"],
        ["größe", "gr_e"],
        ["", "add_dataset_tags"],
    ] as const) {
        it(`is not called "${given}"; ${better} is proposed`, async () => {
            await refused(makeNew(sql, given), /cannot be the name of a migration/, new RegExp(`-- ${better}$`));
            assert.deepEqual(await readdir(sql), []);
        });
    }

    it("does not take a name that is taken, nor a number while one is missing or stands twice", async () => {
        await have("0001_runs");
        await refused(makeNew(sql, "runs"), /0001_runs has this name already/, /runs_again/);
        await have("0003_tags");
        await refused(makeNew(sql, "notes"), /version 0002 is missing: the next one is 0003_tags/, /merge/);
        await have("0002_a", "0002_b");
        await refused(makeNew(sql, "notes"), /version 0002 stands twice: a and b/, /--renumber 0002_b/);
        assert.equal((await readdir(sql)).length, 4);
    });

    it("says where the migrations should be, when they are not there", async () => {
        await refused(makeNew(join(sql, "none"), "tags"), /there is no folder/, /project's folder/);
    });

    it("that took the number of another branch gets the next one, with all that is in it", async () => {
        await have("0001_runs", "0002_theirs", "0002_mine", "0003_mine_too");
        await writeFile(join(sql, "0002_mine/up.sql"), "select 1;\n");
        await refused(renumber(sql, ["0002"]), /0002 may be 0002_mine or 0002_theirs/, /whole name/);
        assert.deepEqual(
            (await renumber(sql, ["0002_mine", "sql/0003_mine_too/"])).map(({ to }) => to.version),
            ["0003", "0004"],
        );
        assert.deepEqual((await readdir(sql)).sort(), ["0001_runs", "0002_theirs", "0003_mine", "0004_mine_too"]);
        assert.equal(await readFile(join(sql, "0003_mine/up.sql"), "utf8"), "select 1;\n");
        assert.deepEqual(await renumber(sql, ["mine_too"]), [], "a second time there is nothing to do");
    });

    it("that is put behind another one is told so", async () => {
        await have("0001_runs", "0002_theirs", "0002_mine", "0003_mine_too");
        const [moved] = await renumber(sql, ["mine"]);
        assert.deepEqual(moved?.over, [{ version: "0003", slug: "mine_too" }]);
    });

    it("is not renumbered while the one that has its number is not there yet", async () => {
        await have("0001_runs", "0002_mine", "0003_mine_too");
        await refused(renumber(sql, ["0002_mine"]), /version 0002 is missing: the next one is 0003_mine_too/, /merge/);
        await refused(renumber(sql, ["0007"]), /there is no migration 0007/, /0003_mine_too/);
        assert.equal((await readdir(sql)).length, 3);
    });
});
