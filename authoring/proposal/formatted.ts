import { wrap } from "../../preview/report/wrap.ts";
import { loadParser } from "../../runner/migration/statements.ts";

/** A line that would be longer goes on below, where a blank stands; check:sql refuses 160 and more. */
const widest = 150;

/** One token, as it will be written. */
interface Piece {
    readonly text: string;
    /** Whether white space stood before it. */
    readonly spaced: boolean;
    /** Whether a line break did. */
    readonly broken: boolean;
    /** How many parentheses are open around it. */
    readonly depth: number;
    readonly isWord: boolean;
}

/** What begins a line of its own, by the statement's first words. */
interface Layout {
    readonly begins: RegExp;
    /** Before which words, outside of parentheses, a line ends. */
    readonly breaks: readonly string[];
    /** From how many characters on; shorter ones stay on one line. */
    readonly from: number;
}

/** Where PostgreSQL's own line breaks say more than a rule could: each clause of a function. */
const asGiven = /^create (or replace )?(function|procedure)\b/;
const withQuery = /^create (or replace )?(materialized )?view\b/;
const withList = /^create (unlogged )?table\b/;

const layouts: readonly Layout[] = [
    { begins: /^create policy\b/, breaks: ["as", "for", "using", "with"], from: 0 },
    {
        begins: /^create (constraint )?trigger\b/,
        breaks: ["before", "after", "instead", "for", "when", "execute"],
        from: 100,
    },
    { begins: /^(grant|revoke)\b/, breaks: ["on", "to", "from"], from: 140 },
    { begins: /^comment on\b/, breaks: ["is"], from: 140 },
    { begins: /./, breaks: ["add", "alter", "using", "where", "references", "on", "with", "include"], from: 140 },
];

const inQuery = ["select", "from", "where", "group", "having", "order", "limit", "union", "window"];

/**
 * Writes a statement that PostgreSQL or a library has worded as this project writes SQL: lowercase, no quotes where none
 * are needed, four spaces, no pair of parentheses too much. Texts in quotes, and with them the bodies of functions, stay.
 *
 * @returns without a semicolon; what was given, where another wording would mean something else
 */
export async function formatted(sql: string): Promise<string> {
    const text = lines(withoutDefaults(withoutDoubles(await piecesOf(sql))));
    return (await meansTheSame(sql, text)) ? text : sql.trim();
}

async function piecesOf(sql: string): Promise<Piece[]> {
    const { scan } = await loadParser();
    const bytes = Buffer.from(sql);
    let depth = 0;
    let read = 0;
    const pieces: Piece[] = [];
    for (const { text, start, end, keywordName, tokenName } of (await scan(sql)).tokens) {
        const before = bytes.subarray(read, start).toString();
        read = end;
        if (text === ";") continue;
        if (text === ")") depth -= 1;
        const isWord = keywordName !== "NO_KEYWORD" || tokenName === "IDENT";
        const written = text.startsWith('"')
            ? await unquoted(text)
            : isWord
              ? text.toLowerCase()
              : text.startsWith("'")
                ? inLines(text)
                : text;
        pieces.push({ text: written, spaced: /\s/.test(before), broken: before.includes("\n"), depth, isWord });
        if (text === "(") depth += 1;
    }
    return pieces;
}

/**
 * A long text in quotes as several, one to a line: they are one to PostgreSQL (Lexical Structure, String Constants). One
 * that has line breaks of its own stays.
 */
function inLines(text: string): string {
    if (text.length <= widest || text.includes("\n")) return text;
    const parts = wrap(text.slice(1, -1), widest - 20);
    return parts.map((part, index) => `'${part}${index < parts.length - 1 ? " " : ""}'`).join("\n        ");
}

/** Without quotes where the name means the same without. */
async function unquoted(text: string): Promise<string> {
    const name = text.slice(1, -1);
    if (!/^[a-z_][a-z0-9_]*$/.test(name)) return text;
    const { scan } = await loadParser();
    const kind = (await scan(name)).tokens[0]?.keywordName;
    return kind === "NO_KEYWORD" || kind === "UNRESERVED_KEYWORD" ? name : text;
}

/** `check ((…))` has one pair too much. */
function withoutDoubles(pieces: readonly Piece[]): Piece[] {
    const dropped = new Set<number>();
    for (const [index, piece] of pieces.entries()) {
        if (piece.text !== "(" || pieces[index + 1]?.text !== "(") continue;
        if (!["check", "using", "where", "when", "as"].includes(pieces[index - 1]?.text ?? "")) continue;
        const closes = (from: number) =>
            pieces.findIndex(({ text, depth }, at) => at > from && text === ")" && depth === pieces[from]?.depth);
        if (closes(index + 1) + 1 !== closes(index)) continue;
        dropped.add(index + 1).add(closes(index + 1));
    }
    return pieces.filter((_, index) => !dropped.has(index));
}

/** What an index is when nothing is said. */
function withoutDefaults(pieces: readonly Piece[]): Piece[] {
    const at = pieces.findIndex(({ text }, index) => text === "using" && pieces[index + 1]?.text === "btree");
    return pieces.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
}

function lines(pieces: readonly Piece[]): string {
    const oneLine = pieces.map(({ text, spaced }, index) => (spaced && index > 0 ? ` ${text}` : text)).join("");
    if (asGiven.test(oneLine)) return clauses(pieces);
    if (withQuery.test(oneLine)) return query(pieces);
    if (withList.test(oneLine)) return list(pieces);
    const layout = layouts.find(({ begins }) => begins.test(oneLine));
    if (!layout || oneLine.length < layout.from) return oneLine;
    const isLong = oneLine.length > 140;
    return joined(pieces, ({ text, depth, isWord }, index) => {
        if (isLong && depth === 1 && (text === "and" || text === "or")) return "\n        ";
        // What is created or altered has its own words before it.
        if (index < 3 || depth > 0 || !isWord || !layout.breaks.includes(text)) return "";
        const before = pieces[index - 1]?.text ?? "";
        const goesOn = before === "restrictive" || before === "permissive" || layout.breaks.includes(before);
        return goesOn ? "" : "\n    ";
    });
}

/** The clauses of a function: one to a line, the first with what it returns. */
function clauses(pieces: readonly Piece[]): string {
    return joined(pieces, ({ broken, text, depth }) => {
        if (!broken || depth > 0) return "";
        return text === "returns" ? " " : "\n";
    });
}

function query(pieces: readonly Piece[]): string {
    const from = pieces.findIndex(({ text, depth }) => text === "as" && depth === 0);
    return joined(pieces, ({ text, depth, isWord }, index) => {
        if (index <= from || depth > 0 || !isWord) return "";
        const joins =
            /^(join|left|right|full|inner|cross)$/.test(text) &&
            !/^(left|right|full|inner|cross|outer)$/.test(pieces[index - 1]?.text ?? "");
        return inQuery.includes(text) || joins ? "\n    " : "";
    });
}

function list(pieces: readonly Piece[]): string {
    const first = pieces.findIndex(({ text, depth }) => text === "(" && depth === 0);
    const last = pieces.findIndex(({ text, depth }, index) => index > first && text === ")" && depth === 0);
    return joined(pieces, ({ depth }, index) => {
        if (index === last) return "\n";
        const before = pieces[index - 1]?.text;
        return index > first && index < last && depth === 1 && (before === "," || index === first + 1) ? "\n    " : "";
    });
}

/** @param gap what comes before a piece; empty: the blank that was there, if there was one, or a line break if it must be */
function joined(pieces: readonly Piece[], gap: (piece: Piece, index: number) => string): string {
    let text = "";
    for (const [index, piece] of pieces.entries()) {
        if (index > 0) text += gap(piece, index) || (piece.spaced ? gapAfter(text, piece) : "");
        text += piece.text;
    }
    return text;
}

function gapAfter(text: string, piece: Piece): string {
    const [first = ""] = piece.text.split("\n");
    return text.length - text.lastIndexOf("\n") + first.length > widest ? "\n        " : " ";
}

async function meansTheSame(one: string, other: string): Promise<boolean> {
    const { parse } = await loadParser();
    const tree = async (sql: string) =>
        JSON.stringify(await parse(sql), (key, value: unknown) =>
            /^(stmt_)?(location|len)$|^(rexpr_)?list_(start|end)$/.test(key) ? undefined : value,
        );
    try {
        return (await tree(one)) === (await tree(other));
    } catch {
        return false;
    }
}
