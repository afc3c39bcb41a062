import assert from "node:assert/strict";
import { join } from "node:path";
import { ESLint, Linter } from "eslint";

const cwd = join(import.meta.dirname, "../..");

/** The two rules that hold the layout; the others need the types. */
const ofLayout = ["no-restricted-imports", "no-restricted-syntax"];

/** What the layout says of a line of JavaScript in such a file. */
async function told(file: string, line: string): Promise<number> {
    const { rules } = (await new ESLint({ cwd }).calculateConfigForFile(join(cwd, file))) as Linter.Config;
    const held = Object.fromEntries(Object.entries(rules ?? {}).filter(([name]) => ofLayout.includes(name)));
    return new Linter().verify(line, { rules: held }).length;
}

describe("the linter", function () {
    this.timeout(30_000);

    for (const [file, module, count] of [
        ["runner/x.ts", "../preview/gates.ts", 1],
        ["runner/steps/x.ts", "../../preview/gates.ts", 1],
        ["runner/x.ts", "@pulumi/pulumi", 1],
        ["runner/x.ts", "../config.ts", 1],
        ["runner/x.ts", "./archive/commands.ts", 0],
        ["components/x.ts", "node:fs/promises", 1],
        ["components/x.ts", "pg", 1],
        ["components/x.ts", "pg-format", 0],
        ["preview/x.ts", "../local/server.ts", 1],
        ["preview/shadow/x.ts", "../../local/server.ts", 0],
        ["local/x.ts", "../preview/gates.ts", 1],
    ] as const) {
        it(`${count === 0 ? "lets" : "does not let"} ${file} import ${module}, also when it runs`, async () => {
            assert.equal(await told(file, `import "${module}";`), count);
            assert.equal(await told(file, `await import("${module}");`), count);
        });
    }
});
