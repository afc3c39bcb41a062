import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Column, columns } from "./actors.ts";

/** One line of attacks.txt. */
export interface Attack {
    /** Heading of its part of the page. */
    readonly part: string;
    readonly title: string;
    /** Name of the constraint or trigger that the outcome `c` stands for. */
    readonly constraint: string | undefined;
    readonly outcomes: Readonly<Record<Column, string>>;
    /** With words in braces. */
    readonly sql: string;
}

const page = join(import.meta.dirname, "attacks.txt");
const outcome = /^(?:\d|\d\d|ok|[-!~cxn.]|[0-9A-Z]{5})$/;

/** All attacks of the page. @throws Error naming a line that is none */
export function readAttacks(text = readFileSync(page, "utf8")): readonly Attack[] {
    const attacks: Attack[] = [];
    let part = "";
    for (const [index, line] of text.split("\n").entries()) {
        const fail = (problem: string) => new Error(`attacks.txt:${index + 1}: ${problem}`);
        if (line.startsWith("# ")) part = line.slice(2);
        // What is before the first heading explains.
        if (part === "" || line === "" || line.startsWith("# ") || line.trim().split(/ +/).join() === columns.join())
            continue;
        const [, outcomes = "", title = "", constraint, sql = ""] =
            /^([^|]+)\|\s*(.*?)\s*(?:\[(\w+)\]\s*)?::\s*(.+)$/.exec(line) ?? [];
        const given = outcomes.trim().split(/\s+/);
        if (sql === "") throw fail("expected: outcomes | title [constraint] :: SQL");
        if (given.length !== columns.length) throw fail(`has ${given.length} outcomes for ${columns.length} actors`);
        const odd = given.find(one => !outcome.test(one));
        if (odd !== undefined) throw fail(`no outcome is written ${odd}`);
        if (given.includes("c") !== (constraint !== undefined)) throw fail("c and [constraint] belong together");
        attacks.push({
            part,
            title,
            constraint,
            sql,
            outcomes: Object.fromEntries(columns.map((column, at) => [column, given[at]])) as Attack["outcomes"],
        });
    }
    return attacks;
}
