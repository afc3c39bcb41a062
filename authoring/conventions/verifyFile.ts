import type { BreachOfFile } from "./breach.ts";
import { codesOf, wordsOf } from "./tokens.ts";

/** Verify reads catalogs, not data, and changes nothing: it holds on an empty database too. */
export async function verifyBreaches(sql: string): Promise<BreachOfFile[]> {
    return (await codesOf(sql)).flatMap(({ tokens }) => {
        const { text, lineAt } = wordsOf(tokens, token => (token.kind === "string" ? "''" : token.text));
        const changing = [...text.matchAll(/\b(insert|update|delete|truncate|alter|create|drop|grant|revoke)\b/g)];
        const read = [...text.matchAll(/\b(?:from|join) (\w+(?: \. \w+)?)/g)].filter(
            ([, name = ""]) => !/^(pg_\w+|pg_catalog \. \w+|lateral|values)$/.test(name),
        );
        return [
            ...changing.map(({ 0: word, index }) => ({
                line: lineAt(index),
                code: "verify-changes",
                words: `verify holds "${word}": it only looks`,
            })),
            ...read.map(({ 1: name = "", index }) => ({
                line: lineAt(index),
                code: "verify-reads-rows",
                words: `verify reads ${name.replaceAll(" ", "")}: it looks at PostgreSQL's catalogs, never at rows`,
            })),
        ];
    });
}
