import type { BreachOfFile } from "./breach.ts";
import { type Code, codesOf, wordsOf } from "./tokens.ts";

const longestLine = 160;

/** How a file is written: what can be seen without understanding its statements. */
export async function styleBreaches(sql: string): Promise<BreachOfFile[]> {
    const codes = await codesOf(sql);
    return [...codes.flatMap(code => [...capitals(code), ...forbiddenWords(code)]), ...layout(sql)];
}

function capitals({ tokens }: Code): BreachOfFile[] {
    return tokens
        .filter(({ kind, text }) => kind === "word" && !text.startsWith('"') && text !== text.toLowerCase())
        .map(({ text, line }) => ({ line, code: "not-lowercase", words: `${text} is not in lowercase` }));
}

const guardedCreate =
    "it hides that something else of that name is there; the ledger is what makes a second run do nothing";

/** What stands for itself, in the code and in what `execute` is given. */
const forbidden: readonly [pattern: RegExp, code: string, words: string][] = [
    // `if not exists (select …) then` is plpgsql's if, and means something else.
    [/\b(?:create(?: \w+)*|add column) if not exists\b/g, "if-not-exists", `"if not exists": ${guardedCreate}`],
    [
        /\b(?:drop(?: \w+)+?|alter table) if exists\b/g,
        "if-exists",
        '"if exists": it hides that what should be there is not',
    ],
    [
        /(?<!\bon delete )\bcascade\b/g,
        "cascade",
        '"cascade" drops what others made and does not say so: name what goes',
    ],
    [/\bcreate or replace\b/g, "create-or-replace", `"create or replace": ${guardedCreate}`],
];

/** Whether it is replaced with good reason, the statements themselves are asked: see replaced.ts. */
const maybeReplaced = /^create or replace (?:function|procedure|view)\b/;

function forbiddenWords({ tokens, isBody }: Code): BreachOfFile[] {
    // Of a string the content: `execute` runs some.
    const { text, lineAt } = wordsOf(tokens, token => token.text.replaceAll("'", ""));
    return forbidden.flatMap(([pattern, code, words]) =>
        [...text.matchAll(pattern)]
            .filter(({ index }) => isBody || !maybeReplaced.test(text.slice(index)))
            .map(({ index }) => ({ line: lineAt(index), code, words })),
    );
}

function layout(sql: string): BreachOfFile[] {
    const lines = sql.split("\n");
    const found = lines.flatMap((text, index) => {
        const line = index + 1;
        return [
            ...(/\t/.test(text) ? [{ line, code: "tab", words: "a tab: four spaces instead" }] : []),
            ...(/ $/.test(text) ? [{ line, code: "blank-at-end", words: "a blank at the end of the line" }] : []),
            // A directive cannot go on in the next line.
            ...(text.length > longestLine && !/^-- [a-z-]+: /.test(text)
                ? [{ line, code: "long-line", words: `${text.length} characters: ${longestLine} at most` }]
                : []),
        ];
    });
    if (/[^\n]\n$/.test(sql)) return found;
    return [
        ...found,
        { line: lines.length, code: "last-line", words: "one line break at the end of the file, no more and no less" },
    ];
}
