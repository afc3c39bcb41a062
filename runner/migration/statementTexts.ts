/**
 * What can hide a semicolon, and the words that open and close a body of `begin atomic`. Two quotes in a row end one
 * string and begin the next, which comes to the same. In an identifier, `$` begins no dollar quote.
 */
const token =
    /--[^\n]*|\/\*|e'(?:[^'\\]|\\[\s\S]|'')*'|'[^']*'|"[^"]*"|\$(|[a-z_\u0080-\uffff][\w\u0080-\uffff]*)\$[\s\S]*?\$\1\$|[a-z_\u0080-\uffff][\w$\u0080-\uffff]*|[();]/gi;

/**
 * Cuts a text that a server has already run into its statements, each with the comments before it and without the
 * semicolon, as the Supabase CLI does (supabase/cli, pkg/parser). For people and for that tool to read; what decides
 * something is cut by PostgreSQL's own parser (statements.ts), which takes longer to load than a migration to run.
 */
export function cutStatements(sql: string): string[] {
    const statements: string[] = [];
    let start = 0;
    let words = 0;
    let depth = 0;
    let before = "";
    const end = (to: number) => {
        if (words > 0) statements.push(sql.slice(start, to).trim());
        start = to + 1;
        words = 0;
    };

    token.lastIndex = 0;
    for (let match = token.exec(sql); match; match = token.exec(sql)) {
        const text = match[0].toLowerCase();
        if (text.startsWith("--")) continue;
        if (text === "/*") {
            token.lastIndex = endOfComment(sql, token.lastIndex);
            continue;
        }
        if (text === ";" && depth === 0) {
            end(match.index);
            continue;
        }
        words += 1;
        if (text === "(" || (before === "begin" && text === "atomic") || (text === "case" && depth > 0)) depth += 1;
        if (text === ")" || (text === "end" && depth > 0)) depth -= 1;
        before = text;
    }
    end(sql.length);
    return statements;
}

/** Without the blank and comment lines that it begins with. */
export function withoutLeadingComments(text: string): string {
    return text.replace(/^(?:\s|--[^\n]*(?:\n|$))*/, "");
}

/** Such comments may hold others. */
function endOfComment(sql: string, from: number): number {
    const mark = /\/\*|\*\//g;
    mark.lastIndex = from;
    let open = 1;
    while (open > 0) {
        const match = mark.exec(sql);
        if (!match) return sql.length;
        open += match[0] === "/*" ? 1 : -1;
    }
    return mark.lastIndex;
}
