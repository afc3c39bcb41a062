import assert from "node:assert/strict";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { htmlOf } from "../../preview/report/html.ts";
import { jsonOf } from "../../preview/report/json.ts";
import { markdownOf, markerOf } from "../../preview/report/markdown.ts";
import type { Report } from "../../preview/report/report.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { example, type Example, pending } from "./example.ts";
import { hostile } from "./hostile.ts";
import { assertFitsSchema } from "./schema.ts";

/** What GitHub takes. */
const limit = 65_536;

describe("report.md and report.json", function () {
    this.timeout(300_000);
    let cluster: TestCluster;
    let built: Example;
    let plan: Report;
    let rollback: Report;
    let strange: Report;

    before(async () => {
        cluster = await testCluster({ major: 17 });
        built = await example(cluster);
        plan = (await built.preview(pending)).report;
        rollback = (await built.previewRollback()).report;
        strange = (await built.preview(hostile)).report;
    });
    after(async () => {
        await built?.project.remove();
        await cluster?.stop();
    });

    /** As GitHub reads it, before it looks for mentions and takes dangerous elements out. */
    const html = (markdown: string) =>
        micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] });

    it("begins with a hidden line by which CI finds its comment again", () => {
        assert.match(markdownOf(plan), /^<!-- simulation-db preview of simulation_db\/staging -->\n/);
        assert.ok(markdownOf(strange).startsWith(`${markerOf(strange.stack)}\n`));
        assert.doesNotMatch(markerOf("a-->b<script>").slice(4, -3), /-->|[<>]/);
    });

    it("has, for everyday plans, all of it: findings, changes, locks, the SQL, who may do what", () => {
        const text = markdownOf(plan);
        for (const part of [
            "🛑 **stops**, **blocking** (`index-built-under-lock`)",
            "✅ allowed, **destructive** (`table-lost`)",
            "  - Allowed: copied to the bucket in March",
            "- `+` table public.comparisons: 4 columns",
            "| `public.simulation_runs` | writes | about ",
            "<details><summary>Resulting change as SQL</summary>",
            "| `public.datasets` | anon | nothing | **select (by policy)** |",
        ])
            assert.ok(text.includes(part), part);
        assert.doesNotMatch(text, /Shortened/);
    });

    it("begins with what stops nothing and yet has to be known, and says what was not compared", () => {
        const ledger = ["the ledger of this database ends at 0025"];
        const report: Report = {
            ...plan,
            warnings: { ledger, others: ["not promoted: 0026"] },
            drift: { ...plan.drift, bucketNotChecked: "the bucket's settings are not compared" },
        };
        assertFitsSchema(jsonOf(report));
        const told = "**Warning:** the ledger of this database ends at 0025\n\n**Warning:** not promoted: 0026";
        for (const text of [markdownOf(report), markdownOf({ ...report, pending: Array(300).fill(plan.pending[0]) })]) {
            const [before = "", after = ""] = text.split(told);
            assert.doesNotMatch(before, /^###/m);
            assert.match(after, /The bucket's settings are not compared\./);
        }
        const page = htmlOf(report);
        for (const words of [...ledger, "not promoted: 0026", "The bucket's settings are not compared."]) {
            assert.ok(page.includes(words.replaceAll("'", "&#39;")) || page.includes(words), words);
        }
    });

    it("shows what changed on the bucket also where the catalog was not compared", () => {
        const change = { sign: "~", object: "bucket of the datasets", summary: "", details: [], ddl: [] } as const;
        const drift = { ...plan.drift, changes: [change], notChecked: "this login may not" };
        const text = markdownOf({ ...plan, drift });
        assert.match(
            text,
            /\*\*Drift not checked: this login may not\.\*\*[\s\S]*\n### Drift\n[\s\S]*- `~` bucket of the datasets\n/,
        );
    });

    it("shows a rollback in the same form", () => {
        const text = markdownOf(rollback);
        assert.match(text, /### Rollback of `0002_ratings`/);
        assert.match(text, /\*\*destructive\*\* \(`table-lost`\): `public\.ratings` goes with all its rows/);
        assert.match(text, /Kept in the archive: public\.ratings, about 5000 rows/);
        assert.match(text, /\| `public\.ratings` \| .* \|/);
    });

    it("takes names as text: no element, no link, no mention comes from them", () => {
        const text = markdownOf(strange);
        const elements = [...html(text).matchAll(/<\/?([a-z][a-z0-9]*)\b/gi)].map(([, name]) => name);
        const ours = new Set("h2 h3 p ul li code strong em table thead tbody tr th td details summary pre".split(" "));
        assert.deepEqual(
            [...new Set(elements)].filter(name => !ours.has(name ?? "")),
            [],
        );
        // Outside of code, GitHub would notify and link.
        const prose = text.replaceAll(/(`+)[\s\S]*?[^`]\1(?!`)/g, "");
        assert.doesNotMatch(prose, /@\w|#\d|https?:\/\/|www\./);
    });

    it("would have elements and links of them, were nothing escaped", () => {
        const raw = hostile[0]?.up ?? "";
        assert.match(html(raw.replaceAll("create", "\n\ncreate")), /<img|<script|<a href/);
    });

    it("fits into a comment, says what is left out, and keeps what stops the run", () => {
        const text = markdownOf(strange);
        assert.ok(text.length < limit && Buffer.byteLength(text) < limit);
        assert.match(text, /\*\*Shortened for a comment\.\*\* Left out: .*report\.html has all of it\./);
        for (const kind of ["rls-missing", "grant-to-anon", "down-differs"]) assert.ok(text.includes(kind), kind);
        assert.match(text, /… and \d+ more/);
    });

    it("fits with any number of migrations, those that stop first", () => {
        for (const count of [20, 100, 1000]) {
            const harmless = { ...(plan.pending[0] as Report["pending"][number]), findings: [] };
            const many = { ...plan, pending: [...Array.from({ length: count }, () => harmless), ...plan.pending] };
            const text = markdownOf(many);
            assert.ok(Buffer.byteLength(text) < limit, `${count}: ${text.length}`);
            assert.match(text, /index-built-under-lock/);
            assert.match(text, /grant-to-anon/);
        }
    });

    it("fits however long a name or a definition is", () => {
        const long = "x".repeat(200_000);
        const [first] = plan.pending;
        const report: Report = {
            ...plan,
            stack: "a/b",
            proof: { ...plan.proof, notes: [long] },
            pending: first ? [{ ...first, summary: long, reversal: long }] : [],
        };
        assert.ok(Buffer.byteLength(markdownOf(report)) < limit);
    });

    it("has its first line and its heading even where nothing else of it fits", () => {
        const warnings = { ledger: [], others: ["a warning ".repeat(10_000)] };
        const [marker, heading, ...rest] = markdownOf({ ...plan, warnings })
            .trimEnd()
            .split("\n\n");
        const whole = markdownOf(plan).split("\n\n");
        assert.deepEqual([marker, heading], whole.slice(0, 2));
        assert.match(heading ?? "", /^## Database preview of `/);
        assert.deepEqual(rest, ["Too much for a comment: report.html has all of it."]);
    });

    it("report.json is what docs/report.schema.json says", () => {
        for (const report of [plan, rollback, strange]) assertFitsSchema(jsonOf(report));
    });

    it("the schema takes nothing that is missing, unknown or of another format", () => {
        const { stopped: _, ...without } = plan;
        assert.throws(() => assertFitsSchema(JSON.stringify(without)), /must have required property 'stopped'/);
        assert.throws(() => assertFitsSchema(JSON.stringify({ ...plan, more: 1 })), /additional properties/);
        assert.throws(() => assertFitsSchema(JSON.stringify({ ...plan, format: 2 })), /\/format must be equal/);
    });
});
