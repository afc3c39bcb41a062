import assert from "node:assert/strict";
import { access, readdir } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { parts } from "../../runner/migration/migration.ts";
import { readExample } from "../sql/example.ts";
import { codeSpans, fences, type Page, readPage, readPages, root, tableRows, withoutFences } from "./pages.ts";

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
    return heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .trim()
        .replaceAll(" ", "-");
}

function anchors({ text }: Page): string[] {
    return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));
}

async function exists(path: string): Promise<boolean> {
    return await access(join(root, path)).then(
        () => true,
        () => false,
    );
}

/** Whether a name is made up: its version is that of the conventions' example, or a later one. */
async function examples(): Promise<(name: string) => boolean> {
    const { version } = await readExample();
    return name => (/\b(\d{4})_[a-z]/.exec(name)?.[1] ?? "0000") >= version;
}

describe("the places that the documentation names", () => {
    it("are there: every relative link with its anchor", async () => {
        for (const page of await readPages()) {
            for (const [link, target = ""] of withoutFences(page).matchAll(/\]\(([^)\s]+)\)/g)) {
                if (/^[a-z]+:/.test(target)) continue;
                const [path = "", anchor] = target.split("#");
                const file = path === "" ? page.file : normalize(join(dirname(page.file), path));
                assert.ok(await exists(file), `${page.file}: ${link}`);
                if (anchor !== undefined) {
                    assert.ok(anchors(await readPage(file)).includes(anchor), `${page.file}: ${link}`);
                }
            }
        }
    });

    it("are there: every file and folder of this project", async () => {
        const isExample = await examples();
        const top = (await readdir(root)).filter(name => !/^(node_modules|\.git|\.local)$/.test(name));
        for (const page of await readPages()) {
            for (const code of codeSpans(page)) {
                const [first = ""] = code.split("/");
                const isPath = /^[\w.-]+(\/[\w.-]+)*\/?$/.test(code) && (code.includes("/") || code.endsWith(".yaml"));
                if (!isPath || !(top.includes(first) || code.endsWith(".yaml"))) continue;
                if (/NNNN|NAME/.test(code) || isExample(code)) continue;
                assert.ok(await exists(code), `${page.file}: ${code}`);
            }
        }
    });

    it("are there: every migration that is named by its version and slug", async () => {
        const isExample = await examples();
        const known = await readdir(join(root, "sql"));
        // The story makes migrations of its own, after those that it begins with (tests/story/team.ts).
        for (const page of (await readPages()).filter(({ file }) => file !== "docs/story.md")) {
            // A quoted message may make a name up, and so may what is printed in no command's answer.
            const printed = fences(page, "console").filter(block => !block.startsWith("$ "));
            const text = [...fences(page, "text"), ...printed].reduce(
                (rest, block) => rest.replace(block, ""),
                page.text,
            );
            for (const [name] of text.matchAll(/\b\d{4}_[a-z][a-z_]+\b/g)) {
                assert.ok(known.includes(name) || isExample(name), `${page.file}: ${name}`);
            }
        }
    });

    it("leave out no folder of the house", async () => {
        const entries = await readdir(root, { withFileTypes: true });
        const folders = entries.filter(entry => entry.isDirectory() && !/^(node_modules|\.git|\.ci)$/.test(entry.name));
        const named = tableRows(await readPage("README.md")).map(([first = ""]) => first);
        for (const { name } of folders.filter(({ name }) => name !== ".local")) {
            assert.ok(
                named.some(cell => cell.includes(`\`${name}/\``)),
                name,
            );
        }
    });

    it("leave out no folder of tests", async () => {
        const entries = await readdir(join(root, "tests"), { withFileTypes: true });
        const { text } = await readPage("docs/development.md");
        for (const entry of entries) {
            if (entry.isDirectory()) assert.ok(text.includes(`\`tests/${entry.name}\``), entry.name);
        }
    });
});

describe("the migration that README.md adds", () => {
    it("is the one of sql/CONVENTIONS.md, which the tests of the SQL apply and undo", async () => {
        const example = await readExample();
        const page = await readPage("README.md");
        assert.ok(page.text.includes(`<!-- example: sql/${example.version}_${example.slug} -->`));
        for (const part of parts) {
            assert.ok(fences(page, "sql").includes(`-- ${part}.sql\n${example[part]}`), `${part}.sql`);
        }
    });
});
