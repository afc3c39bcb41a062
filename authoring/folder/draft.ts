import { draftMark } from "../../runner/migration/draft.ts";
import type { Part } from "../../runner/migration/migration.ts";

const lines: Readonly<Record<Part, readonly string[]>> = {
    up: [
        `${draftMark}one sentence that says what this does. Previews and the ledger show it.`,
        "Below it the SQL; sql/CONVENTIONS.md has the rules, and the directives that may stand above it.",
    ],
    down: [`${draftMark}one sentence that says what is lost when this is undone.`],
    verify: [`${draftMark}one sentence that says what this looks at.`],
};

/** What a file of a new migration holds before a person has written anything. */
export function draftOf(part: Part): string {
    return lines[part].map(line => `-- ${line}\n`).join("");
}
