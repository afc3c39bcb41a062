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

/** A team has filled its file in, or has made one more: what is in there is its own. */
const isFilledIn = ({ databaseHost }: Values) => !/^(embedded$|<)/.test(String(databaseHost));

/** What each stack sets as it comes with the project, and the defaults for what it does not. */
async function readStacks(): Promise<{ readonly names: string[]; readonly rows: string[][] }> {
    const declared = await readConfigOf("Pulumi.yaml");
    const defaults = Object.fromEntries(
        Object.entries(declared).map(([key, value]) => [key, (value as { default: string }).default]),
    );
    const all = stackNames(root).map(async name => ({
        name,
        values: { ...defaults, ...(await readConfigOf(`Pulumi.${name}.yaml`)) } as Values,
    }));
    const found = (await Promise.all(all)).filter(({ values }) => !isFilledIn(values));
    const names = found.map(({ name }) => name);
    const stacks = found.map(({ values }) => values);
    const differing = Object.keys(declared).filter(key => stacks.some(values => values[key] !== defaults[key]));
    const shown = (value: Values[string] | undefined) =>
        value === "" || value === undefined ? "empty" : `\`${value}\``;
    return { names, rows: differing.map(key => [`\`${key}\``, ...stacks.map(values => shown(values[key]))]) };
}

describe("docs/environments.md", () => {
    it("has every key in which a stack differs from the default, with the value of each stack", async () => {
        const page = await readPage("docs/environments.md");
        const { names, rows } = await readStacks();
        const [, header = ""] = /^\| Key \|(.*)\|$/m.exec(page.text) ?? [];
        const shown = header.split("|").map(cell => cell.trim().replaceAll("`", ""));
        const columns = [0, ...names.map(name => shown.indexOf(name) + 1)];
        assert.ok(!columns.slice(1).includes(0), `of ${names.join(", ")} the page has ${header}`);
        const table = tableRows(page).filter(cells => cells.length === shown.length + 1);
        const keys = new Set(rows.map(([key]) => key));
        assert.deepEqual(
            table.map(cells => columns.map(column => cells[column])).filter(([key]) => keys.has(key ?? "")),
            rows,
        );
    });
});
