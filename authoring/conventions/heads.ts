import { type Migration, type Part, parts, summary } from "../../runner/migration/migration.ts";
import { draftMark } from "../../runner/migration/draft.ts";
import type { Breach } from "./breach.ts";

const sentence = /^[A-Z\d].*[^.]\.$|^[a-z]\w*.*[^.]\.$/;

const wanted: Readonly<Record<Part, string>> = {
    up: "one sentence that says what the migration does: previews and the ledger show it",
    down: "one sentence that says what is lost: the reviewer of a rollback reads it",
    verify: "one sentence that says what it looks at",
};

/** The first comment after the directives is a sentence, and no longer the one that `npm run new` put there. */
export function headBreaches(migration: Migration): Breach[] {
    return parts.flatMap(part => {
        const { text, line } = firstComment(migration, part);
        const isDraft = text.startsWith(draftMark);
        if (sentence.test(text) && !isDraft) return [];
        const words = isDraft
            ? `the first comment still begins with "${draftMark.trim()}": read the file, and put in its place ${wanted[part]}`
            : `the first comment is not ${wanted[part]}`;
        return [{ part, line, code: "no-sentence", words }];
    });
}

function firstComment(migration: Migration, part: Part): { text: string; line: number } {
    const lines = migration[part].split("\n");
    const line = lines.findIndex(text => !/^\s*-- [a-z-]+: /.test(text));
    const text = part === "up" ? summary(migration) : (/^-- (.*)$/.exec(lines[line] ?? "")?.[1] ?? "");
    return { text, line: Math.max(0, line) + 1 };
}
