import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { commandLine as authoring } from "../../authoring/commandLine.ts";
import { commandLine } from "../../runner/commandLine.ts";
import { code, type Page, readPage, readPages, root } from "./pages.ts";

/** What npm runs without a script of that name. */
const npmsOwn = ["ci", "install", "run"];

/** `archive purge` and the like: every command of the runner that does something. */
function leaves(command: Command, words: readonly string[] = []): string[] {
    return command.commands.flatMap(child => {
        const path = [...words, child.name()];
        return child.commands.length > 0 ? leaves(child, path) : [path.join(" ")];
    });
}

/** Follows the words of a call as far as they are commands. */
function find(command: Command, words: readonly string[]): { found: Command; rest: readonly string[] } {
    const child = command.commands.find(candidate => candidate.name() === words[0]);
    return child ? find(child, words.slice(1)) : { found: command, rest: words };
}

/** Calls of the runner on a page, as words; what follows a pipe, a redirection or a comment is not theirs. */
function runnerCalls(page: Page): string[][] {
    return [...code(page).matchAll(/node runner\/main\.ts([^\n|<>#()"…]*)/g)].map(([, words = ""]) =>
        words.trim().split(/\s+/).filter(Boolean),
    );
}

describe("the commands that the documentation names", () => {
    it("are npm scripts, where they are called with npm", async () => {
        const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: object };
        const known = [...Object.keys(scripts), ...npmsOwn];
        for (const page of await readPages()) {
            for (const [call, script = ""] of code(page).matchAll(/\bnpm (?:run )?(?:-s )?([a-z][a-z:-]*)/g)) {
                assert.ok(known.includes(script), `${page.file}: ${call}`);
            }
        }
    });

    it("are commands of the runner with the options that it takes", async () => {
        for (const page of await readPages()) {
            for (const words of runnerCalls(page)) {
                const { found, rest } = find(commandLine, words);
                const call = `${page.file}: node runner/main.ts ${words.join(" ")}`;
                assert.equal(found.commands.length > 0 && rest.length > 0, false, call);
                for (const option of rest.filter(word => word.startsWith("--") && word !== "--help")) {
                    assert.ok(
                        found.options.some(({ long }) => long === option),
                        `${call}: ${option}`,
                    );
                }
            }
        }
    });

    it("are all of them: docs/commands.md leaves out no script and no command of the runner", async () => {
        const page = await readPage("docs/commands.md");
        const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: object };
        for (const script of Object.keys(scripts)) {
            assert.match(page.text, new RegExp(`npm (run (-s )?)?${script}\\b`), script);
        }
        const called = new Set(runnerCalls(page).map(words => words.join(" ")));
        for (const command of leaves(commandLine)) {
            assert.ok(
                [...called].some(call => call === command || call.startsWith(`${command} `)),
                `node runner/main.ts ${command}`,
            );
        }
    });

    it("are shown with all their options", async () => {
        const { text } = await readPage("docs/commands.md");
        const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
        for (const { long } of [commandLine, authoring].flatMap(all).flatMap(({ options }) => options)) {
            assert.ok(long && text.includes(long), long ?? "");
        }
    });
});
