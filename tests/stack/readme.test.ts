import assert from "node:assert/strict";
import { cp, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { fences, readPage } from "../docs/pages.ts";
import { assertPrinted, type Shown, shownCommands } from "../docs/shown.ts";
import { writeExample } from "../sql/example.ts";
import type { Outcome } from "../support/engine.ts";
import { hasPostgresClient } from "../support/postgresClient.ts";
import { type ProjectCopy, projectCopy } from "../support/projectCopy.ts";

/** A stack on one line: of the example's three, a clone has only this one. */
const ownLines = (lines: readonly string[]) => lines.slice(0, 2);

describe("README.md and docs/commands.md, done by somebody who adds the migration of the README", function () {
    this.timeout(300_000);
    let copy: ProjectCopy;
    let aside: string;
    let folder: string;
    let readme: string[];
    let shown: Shown[];

    before(async function () {
        if (!hasPostgresClient()) this.skip();
        const page = await readPage("README.md");
        readme = fences(page, "console");
        shown = [...shownCommands(page), ...shownCommands(await readPage("docs/commands.md"))];
        copy = await projectCopy();
        await must("npm start");
        folder = await writeExample(copy.dir);
        aside = join(copy.dir, ".local", basename(folder));
    });
    after(() => copy?.remove());

    async function must(script: string): Promise<Outcome> {
        const outcome = await copy.sh(`set -e; eval "$(npm run -s env)"; ${script}`);
        assert.equal(outcome.code, 0, outcome.output);
        return outcome;
    }

    /** Runs what a page shows, and takes it from the list of what is still to be run. */
    async function doShown(command: string): Promise<void> {
        const block = shown.find(each => each.command === command);
        assert.ok(block, command);
        shown = shown.filter(each => each !== block);
        const { output } = await copy.sh(`eval "$(npm run -s env)"; ${command}`);
        assertPrinted(command.endsWith("--all") ? ownLines(block.lines) : block.lines, output);
    }

    it("status, before it is applied", () => doShown("npm run -s status"));

    it("status of all stacks", () => doShown("npm run -s status -- --all"));

    it("preview: the two resources, and what is said of them", async () => {
        const block = shown.find(({ command }) => command === "npm run preview");
        assert.ok(block);
        shown = shown.filter(each => each !== block);
        const { output } = await must("npm run preview");
        const from = block.lines.indexOf("Diagnostics:");
        assert.ok(from > 0);
        // Whose turn it is to be shown first differs.
        for (const part of block.lines
            .slice(from + 1)
            .join("\n")
            .split("\n\n"))
            assertPrinted([part], output);
        // Above is what only a terminal shows; here the same comes line by line.
        const steps = block.lines.slice(0, from).flatMap(line => {
            const [, sign, name, step] = /^ ([~+-]) .*?command:local:Command +(\S+) +(\w+)/.exec(line) ?? [];
            return name ? [`${sign} command:local:Command ${name} ${step}`] : [];
        });
        assert.equal(steps.length, 2);
        for (const step of steps) assert.ok(output.replaceAll(/ +/g, " ").includes(step), step);
    });

    it("up, which says that it is applied", async () => {
        assertPrinted([(readme[1] ?? "").trim()], (await must("npm run up -- --yes")).output);
    });

    it("check", () => doShown("npm run -s check"));

    it("taken back and brought again, its rows are back", async () => {
        await must(`psql -q -v ON_ERROR_STOP=1 -c "
            insert into public.datasets (owner_id, name, file_path, file_type, license)
            select id, 'weather', id || '/weather.csv', 'csv', 'CC0-1.0' from auth.users order by id limit 1"`);
        await rename(folder, aside);
        await must("npm run up -- --yes");
        await cp(aside, folder, { recursive: true });
        await doShown("node runner/main.ts archive list");
        assertPrinted([(readme[2] ?? "").trim()], (await must("npm run up -- --yes")).output);
    });

    it("the runner's own up", async () => {
        await must("node runner/main.ts migrate down");
        await doShown("node runner/main.ts migrate up");
    });

    it("backups, listed and tried", async () => {
        await doShown("node runner/main.ts backup list");
        await doShown("node runner/main.ts backup verify");
    });

    it("and nothing else is shown with a command", () => assert.deepEqual(shown, []));
});
