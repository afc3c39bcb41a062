import { dirname, join } from "node:path";
import { runForeground } from "./child.ts";

// `npm run lint`: formatter, linter and types; with --write what can be mended is mended.

const root = dirname(import.meta.dirname);
const mend = process.argv.includes("--write");
const checks = [
    ["prettier/bin/prettier.cjs", mend ? "--write" : "--check", "--log-level=warn", "."],
    ["eslint/bin/eslint.js", ...(mend ? ["--fix"] : []), "."],
    ["typescript/bin/tsc", "--noEmit", "-p", "."],
] as const;

for (const [program, ...args] of checks) {
    const command = [join(root, "node_modules", program), ...args];
    const exit = await runForeground(process.execPath, command, { cwd: root, env: process.env });
    process.exitCode ||= exit;
}
