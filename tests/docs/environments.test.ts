import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { stackNames } from "../../toolchain/stackFile.ts";
import { readPage, root, tableRows } from "./pages.ts";

type Values = Readonly<Record<string, string | number | boolean>>;

async function readConfigOf(file: string): Promise<Record<string, unknown>> {
    const { config } = parse(await readFile(join(root, file), "utf8")) as { config: Record<string, unknown> };
    return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace("simulation-db:", ""), value]));
}

/** What each stack sets, and the defaults for what it does not. */
async function readStacks(): Promise<{ readonly names: string[]; readonly rows: string[][] }> {
    const declared = await readConfigOf("Pulumi.yaml");
    const defaults = Object.fromEntries(
        Object.entries(declared).map(([key, value]) => [key, (value as { default: string }).default]),
    );
    const names = stackNames(root);
    const stacks: Values[] = [];
    for (const name of names) stacks.push({ ...defaults, ...(await readConfigOf(`Pulumi.${name}.yaml`)) } as Values);
    const differing = Object.keys(declared).filter(key => stacks.some(values => values[key] !== defaults[key]));
    const shown = (value: Values[string] | undefined) =>
        value === "" || value === undefined ? "empty" : `\`${value}\``;
    return { names, rows: differing.map(key => [`\`${key}\``, ...stacks.map(values => shown(values[key]))]) };
}

describe("docs/environments.md", () => {
    it("has every key in which a stack differs from the default, with the value of each stack", async () => {
        const page = await readPage("docs/environments.md");
        const { names, rows } = await readStacks();
        assert.ok(page.text.includes(`| Key | ${names.map(name => `\`${name}\``).join(" | ")} |`));
        assert.deepEqual(
            tableRows(page).filter(cells => cells.length === names.length + 1),
            rows,
        );
    });
});
