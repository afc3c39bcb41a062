import assert from "node:assert/strict";
import { fences, readPage } from "../docs/pages.ts";
import { writeExample } from "../sql/example.ts";
import { hasPostgresClient } from "../support/postgresClient.ts";
import { type ProjectCopy, projectCopy } from "../support/projectCopy.ts";

/** What happens before a reader opens a section, and what the commands in it must say. */
interface Section {
    readonly heading: string;
    /** Shell; it must go well. */
    readonly before?: string;
    readonly says: readonly RegExp[];
}

const inDatabase = (sql: string) => `eval "$(npm run -s env)" && psql -q -v ON_ERROR_STOP=1 -c "${sql}"`;

const sections: readonly Section[] = [
    {
        heading: "Where things stand",
        says: [/32 applied, 0 pending/, /ok +every verify\.sql passes/, /ok +anon reaches no table/],
    },
    { heading: "A migration that fails half-way", says: [/unchanged/] },
    {
        heading: "Somebody changed the database by hand",
        before: `${inDatabase("create index by_hand on public.datasets (name)")} && npm run preview 2>&1  | grep 'index by_hand'`,
        says: [/DROP INDEX/, /unchanged/],
    },
    {
        heading: "Roll back the newest migration",
        before: `${inDatabase(
            `insert into public.datasets (owner_id, name, file_path, file_type, license)
             select id, 'weather', id || '/weather.csv', 'csv', 'CC0-1.0' from auth.users order by id limit 1`,
        )} && git init -q . && git config user.name T && git config user.email t@example.com && git add sql && git commit -q -m sql`,
        says: [
            /archive: public\.datasets \(license\)/,
            /1 rows kept in the archive/,
            /0032 +public\.datasets +columns +1/,
            /1 of 1 archived rows are back/,
        ],
    },
    {
        heading: "Rows from a backup",
        before: `${inDatabase("select")} && node runner/main.ts backup create --folder .local/backups && psql -q -c "delete from public.datasets"`,
        says: [/is good: \d+ tables/, /INSERT 0 1/],
    },
    { heading: "The archive grows", says: [/archive/] },
    {
        heading: "The state is lost, the ledger lives",
        before: 'eval "$(npm run -s env)" && pulumi stack rm dev --force --preserve-config --yes --non-interactive',
        says: [/import/, /unchanged/],
    },
    {
        heading: "The ledger is behind, the state lives",
        before: `eval "$(npm run -s env)" && node runner/main.ts migrate down && npm run preview 2>&1  | grep 'had 0032 applied'`,
        says: [/0032_datasets_license applied/, /unchanged/],
    },
    { heading: "A run was killed", says: [/unchanged/] },
    { heading: "End it", says: [/- table public\.datasets/, /- \d+ deleted/] },
];

describe("docs/handbook.md, read from top to bottom by somebody who runs it", function () {
    this.timeout(300_000);
    let copy: ProjectCopy;
    let blocks: Map<string, string>;

    before(async function () {
        if (!hasPostgresClient()) this.skip();
        const { text } = await readPage("docs/handbook.md");
        const parts = text.split(/^## /m).slice(1);
        blocks = new Map(
            parts.flatMap(part => {
                const scripts = fences({ file: "docs/handbook.md", text: part }, "sh");
                return scripts.length === 0 ? [] : [[part.slice(0, part.indexOf("\n")), scripts.join("\n")] as const];
            }),
        );
        copy = await projectCopy();
        await writeExample(copy.dir);
        const { code, output } = await copy.sh("npm start");
        assert.equal(code, 0, output);
    });
    after(() => copy?.remove());

    it("has no block marked sh that is not run here", () => {
        assert.deepEqual(
            [...blocks.keys()],
            sections.map(({ heading }) => heading),
        );
    });

    for (const { heading, before, says } of sections) {
        it(heading, async () => {
            if (before !== undefined) {
                const { code, output } = await copy.sh(`set -o pipefail; ${before}`);
                assert.equal(code, 0, output);
            }
            // The shell of a reader has what an earlier block has set.
            const { code, output } = await copy.sh(
                `set -eo pipefail; eval "$(npm run -s env)"; ${blocks.get(heading) ?? "false"}`,
            );
            assert.equal(code, 0, output);
            for (const words of says) assert.match(output, words);
        });
    }
});
