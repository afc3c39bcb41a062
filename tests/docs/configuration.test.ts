import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { type ConfigKey, configKeys } from "../../configKeys.ts";
import { readPage, root, tableRows } from "./pages.ts";

/** A key without a default that may not be empty. */
function isRequired(key: string): boolean {
    const rule = configKeys[key as ConfigKey];
    return "like" in rule && !rule.like.test("");
}

interface DeclaredKey {
    readonly type: string;
    readonly default: string | number | boolean;
}

/** The cells of the rows whose first cell begins with such a name. */
async function rowsOf(name: RegExp): Promise<{ names: string[]; cells: string[] }[]> {
    return tableRows(await readPage("docs/configuration.md")).flatMap(cells => {
        const names = [...(cells[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
        return names.some(code => name.test(code)) ? [{ names, cells }] : [];
    });
}

/** The text of the sources below a folder or of one file. */
async function sources(place: string): Promise<string> {
    const path = join(root, place);
    if (!(await stat(path)).isDirectory()) return await readFile(path, "utf8");
    const names = await readdir(path, { recursive: true });
    const files = names.filter(name => /\.(ts|mjs)$/.test(name)).map(name => readFile(join(path, name), "utf8"));
    return (await Promise.all(files)).join("\n");
}

describe("docs/configuration.md", () => {
    it("has every key of Pulumi.yaml with its type and default, and no other", async () => {
        const { config } = parse(await readFile(join(root, "Pulumi.yaml"), "utf8")) as {
            config: Record<string, DeclaredKey>;
        };
        const rows = (await rowsOf(/^[a-z]+[A-Za-z]*$/)).filter(({ cells }) => cells.length === 4);
        const documented = rows.map(({ names, cells: [, type, otherwise] }) => [names[0], type, otherwise]);
        const declared = Object.entries(config).map(([key, { type, default: otherwise }]) => [
            key,
            type,
            otherwise !== "" ? `\`${otherwise}\`` : isRequired(key) ? "required" : "empty",
        ]);
        assert.deepEqual(documented, declared);
    });

    it("has every variable of the environment that is this project's own, and no other", async () => {
        const places = ["runner", "preview", "authoring", "components", "toolchain", "local"];
        const files = ["config.ts", "configKeys.ts", "index.ts"];
        const text = (await Promise.all([...places, ...files].map(sources))).join("\n");
        const own = /\b(SIMULATION_DB_[A-Z_]*[A-Z]|VERIFY_PG[A-Z]+)\b/g;
        const read = new Set([...text.matchAll(own)].map(([name]) => name));
        const named = new Set([...(await readPage("docs/configuration.md")).text.matchAll(own)].map(([name]) => name));
        assert.deepEqual([...named].sort(), [...read].sort());
    });

    it("has every output of the stack, and no other", async () => {
        const exported = [...(await readFile(join(root, "index.ts"), "utf8")).matchAll(/^export const (\w+)/gm)];
        const rows = tableRows(await readPage("docs/configuration.md")).filter(cells => cells.length === 2);
        const documented = rows.flatMap(([cell = ""]) => /^`([a-z]\w*)`$/.exec(cell)?.[1] ?? []);
        assert.deepEqual(documented.sort(), exported.map(([, name = ""]) => name).sort());
    });
});
