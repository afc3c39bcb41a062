import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, scan } from "libpg-query";
import type { Migration } from "../../runner/migration/migration.ts";
import { sqlFolder } from "./ground.ts";

/** What a file breaks of sql/CONVENTIONS.md, as far as a machine can see it. */
export async function faultsOf(sql: string): Promise<string[]> {
    const faults: string[] = [];
    await parse(sql);
    for (const code of await codeOf(sql)) {
        for (const { text, keywordName, tokenName } of (await scan(code)).tokens) {
            const isWord = keywordName !== "NO_KEYWORD" || tokenName === "IDENT";
            if (isWord && !text.startsWith('"') && text !== text.toLowerCase())
                faults.push(`${text} is not in lowercase`);
        }
        const words = (await wordsOf(code)).replaceAll("'", "");
        // `if not exists (select …) then` is plpgsql's if, and means something else.
        if (/\b(?:create(?: \w+)*|add column) if not exists\b/.test(words)) faults.push("if not exists");
        if (/\bdrop(?: \w+)+? if exists\b/.test(words)) faults.push("if exists");
        if (/\bcascade\b/.test(words.replaceAll("on delete cascade", ""))) faults.push("cascade");
        if (/\bcreate or replace\b/.test(words)) faults.push("create or replace");
    }
    if (/\t| $/m.test(sql)) faults.push("a tab, or a blank at the end of a line");
    if (!/[^\n]\n$/.test(sql)) faults.push("no line break, or more than one, at the end");
    for (const [index, line] of sql.split("\n").entries()) {
        if (line.length > 160) faults.push(`line ${index + 1} has ${line.length} characters`);
    }
    return faults;
}

/** The text itself, and the bodies of functions and of `do` inside it. */
export async function codeOf(sql: string): Promise<string[]> {
    const bodies = (await scan(sql)).tokens.flatMap(({ text }) => /^(\$\w*\$)([\s\S]*)\1$/.exec(text)?.[2] ?? []);
    const inner = await Promise.all(bodies.map(codeOf));
    return [sql, ...inner.flat()];
}

/** The code without comments and bodies, single blanks between its words. Strings stay: `execute` runs some. */
export async function wordsOf(code: string): Promise<string> {
    const { tokens } = await scan(code);
    return tokens.flatMap(({ text }) => (/^(--|\/\*|\$)/.test(text) ? [] : text)).join(" ");
}

/** The example at the end of sql/CONVENTIONS.md, as a migration. */
export async function readExample(): Promise<Migration> {
    const page = await readFile(join(sqlFolder, "CONVENTIONS.md"), "utf8");
    const [, version = "", slug = ""] = /^`(\d{4})_(\w+)`/m.exec(page) ?? [];
    const part = (name: string) => page.split(`\`\`\`sql\n-- ${name}.sql\n`)[1]?.split("```")[0] ?? "";
    return { version, slug, up: part("up"), down: part("down"), verify: part("verify") };
}
