import { loadParser } from "../../runner/migration/statements.ts";

/** A word, a number, a string, a comment or a sign, as PostgreSQL's own scanner cuts it. */
export interface Token {
    readonly text: string;
    /** Line of its first character, counted from 1. */
    readonly line: number;
    readonly kind: "word" | "string" | "comment" | "other";
}

/** A text of SQL, or the body of a function or a `do` in it. */
export interface Code {
    readonly tokens: readonly Token[];
    /** Whether it stands inside another one. */
    readonly isBody: boolean;
}

/** @param firstLine of the text in its file */
export async function tokensOf(sql: string, firstLine = 1): Promise<Token[]> {
    const { scan } = await loadParser();
    const { tokens } = await scan(sql);
    const bytes = Buffer.from(sql);
    let line = firstLine;
    let read = 0;
    return tokens.map(({ text, start, keywordName, tokenName }) => {
        for (; read < start; read += 1) if (bytes[read] === 10) line += 1;
        return { text, line, kind: kindOf(text, keywordName, tokenName) };
    });
}

function kindOf(text: string, keywordName: string, tokenName: string): Token["kind"] {
    if (/^(--|\/\*)/.test(text)) return "comment";
    if (tokenName === "SCONST" || tokenName === "XCONST" || tokenName === "BCONST" || tokenName === "USCONST") {
        return "string";
    }
    return keywordName !== "NO_KEYWORD" || tokenName === "IDENT" ? "word" : "other";
}

/** The text itself first, then the bodies of functions and of `do` inside it, also those inside of these. */
export async function codesOf(sql: string, firstLine = 1, isBody = false): Promise<Code[]> {
    const tokens = await tokensOf(sql, firstLine);
    const bodies = await Promise.all(
        tokens.map(async ({ text, line }) => {
            const body = /^(\$\w*\$)([\s\S]*)\1$/.exec(text)?.[2];
            return body === undefined ? [] : await codesOf(body, line, true);
        }),
    );
    return [{ tokens, isBody }, ...bodies.flat()];
}

/** The words of a code without comments and bodies, single blanks between, and on which line each stands. */
export interface Words {
    readonly text: string;
    readonly lineAt: (index: number) => number;
}

/** @param shown what is put for a token */
export function wordsOf(tokens: readonly Token[], shown: (token: Token) => string): Words {
    const starts: { index: number; line: number }[] = [];
    let text = "";
    for (const token of tokens) {
        if (token.kind === "comment" || token.text.startsWith("$")) continue;
        starts.push({ index: text.length, line: token.line });
        text += `${shown(token)} `;
    }
    return { text, lineAt: index => starts.findLast(start => start.index <= index)?.line ?? 1 };
}
