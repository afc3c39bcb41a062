import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parts } from "../../runner/migration/migration.ts";
import { fences, readPage } from "../docs/pages.ts";
import { assertPrinted, type Shown, shownCommands } from "../docs/shown.ts";
import { type ProjectCopy, projectCopy } from "../support/projectCopy.ts";

describe("docs/authoring.md, done from top to bottom by somebody who writes a migration", function () {
    this.timeout(300_000);
    let copy: ProjectCopy;
    let shown: Shown[];
    /** The blocks of shell. */
    let scripts: string[];
    /** The blocks of SQL, by the file that their first line names. */
    let texts: Map<string, string>;

    before(async () => {
        const { text } = await readPage("docs/authoring.md");
        const page = { file: "docs/authoring.md", text: text.split(/^## Joining/m)[0] ?? "" };
        shown = shownCommands(page);
        scripts = fences(page, "sh");
        texts = new Map(
            fences(page, "sql").map(block => {
                const [, file = "", sql = ""] = /^-- (sql\/\S+)\n([\s\S]*)$/.exec(block) ?? [];
                return [file, sql];
            }),
        );
        copy = await projectCopy();
        const { code, output } = await copy.sh(
            "git init -q . && git config user.name T && git config user.email t@example.com && printf '.local\\nnode_modules\\n' > .gitignore && git add . && git commit -q -m all",
        );
        assert.equal(code, 0, output);
    });
    after(() => copy?.remove());

    async function write(...files: string[]): Promise<void> {
        for (const file of files) {
            const text = texts.get(file);
            assert.ok(text, `${file} is not on the page`);
            await mkdir(join(copy.dir, file, ".."), { recursive: true });
            await writeFile(join(copy.dir, file), text);
        }
    }

    async function prints(index: number, command: string, code: number): Promise<void> {
        const { command: written, lines } = shown[index] ?? { lines: [] };
        assert.equal(written, command);
        const outcome = await copy.sh(command);
        assert.equal(outcome.code, code, outcome.output);
        assertPrinted(lines, outcome.output);
    }

    it("shows no command whose output is not compared here", () => {
        assert.equal(shown.length, 3);
    });

    it("A new one", () => prints(0, "npm run -s new -- add_dataset_tags", 0));

    it("The way back, proposed", async () => {
        await write("sql/0032_add_dataset_tags/up.sql");
        await prints(1, "npm run -s propose-down", 0);
        const down = "sql/0032_add_dataset_tags/down.sql";
        assert.equal(await readFile(join(copy.dir, down), "utf8"), texts.get(down));
    });

    it("Checked before anybody sees it", async () => {
        const folder = "sql/0032_add_dataset_tags";
        const { code, output } = await copy.sh(
            `sed -i 's/^-- Here: /-- /' ${folder}/down.sql ${folder}/verify.sql && git add sql && git commit -q -m tags && npm run -s check:sql -- 0032`,
        );
        assert.equal(code, 0, output);
        const files = parts.map(part => `sql/0033_check_try/${part}.sql`);
        await write(...files);
        await prints(2, "npm run -s check:sql", 1);
    });

    it("As a hook: what is stopped is not committed", async () => {
        const hook = scripts.find(script => script.startsWith("#!/bin/sh"));
        assert.ok(hook);
        await writeFile(join(copy.dir, ".git/hooks/pre-commit"), hook, { mode: 0o755 });
        const { code, output } = await copy.sh("git add sql && git commit -m try");
        assert.equal(code, 1, output);
        assert.match(output, /STOPPED by 11 findings/);
    });

    it("Two branches, one number", async () => {
        const renumberings = scripts.flatMap(script => [
            ...script.matchAll(/^(npm run new -- --renumber .*?) +# .*?((?:\d{4}_\w+(?:, )?)+)$/gm),
        ]);
        assert.equal(renumberings.length, 2);
        await copy.sh("mv sql/0033_check_try sql/0032_mine");
        for (const [, command = "", becomes = ""] of renumberings) {
            const { code, output } = await copy.sh(command);
            assert.equal(code, 0, output);
            const names = (await readdir(join(copy.dir, "sql"))).filter(name => name > "0032_b").sort();
            assert.deepEqual(
                names.filter(name => /^\d/.test(name)),
                becomes.split(", "),
            );
            await copy.sh("mv sql/0033_mine sql/0032_mine && cp -r sql/0032_mine sql/0033_my_next");
        }
    });
});
