import { tableOfColumn } from "../../preview/changes/aspect.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { wrap } from "../../preview/report/wrap.ts";
import { draftMark } from "../../runner/migration/draft.ts";
import { formatted } from "./formatted.ts";
import type { Inverse } from "./inverse.ts";

/** What a down.sql is put together from. */
export interface DownParts {
    readonly inverse: Inverse;
    /** In order, with the privileges. */
    readonly statements: readonly string[];
    /** Keys of the catalog that the statements do not bring back. */
    readonly notRestored: readonly string[];
    /** False: each statement runs on its own. */
    readonly transactional: boolean;
}

/** The text: what cannot be restored as the directive that the runner wants, what is lost as a sentence, the statements. */
export async function proposedDown({ inverse, statements, notRestored, transactional }: DownParts): Promise<string> {
    const written = await Promise.all(statements.map(sql => formatted(transactional ? sql : concurrently(sql))));
    return (
        [
            ...notRestored.map(key => `-- not-restored: ${key}`),
            ...comment(`${draftMark}${lossOf(inverse)}`),
            ...emptyAgain(inverse).flatMap(name =>
                comment(`What up took stays lost: ${name} comes back without its values.`),
            ),
            ...written.map(sql => `${sql.replace(/;?\s*$/, "")};`),
            ...(written.length === 0 ? [nothingToRun(notRestored), "select 1;"] : []),
        ].join("\n") + "\n"
    );
}

function nothingToRun(notRestored: readonly string[]): string {
    return notRestored.length === 0
        ? "-- Up changes nothing that a catalog knows: say here what undoes it."
        : "-- No statement was found that undoes what is declared above: write here what does.";
}

function comment(text: string): string[] {
    return wrap(text, 120).map(line => `-- ${line}`);
}

/** One sentence about the rows and values that go with what down drops; what only got another name stays. */
function lossOf({ before, after, observations }: Inverse): string {
    const renamed = observations.flatMap(each => each.renamed.map(({ to }) => to));
    const made = (kind: string) => madeOf(kind, before, after).filter(name => !renamed.includes(name));
    const tables = made("(?:partitioned )?table");
    const isAlone = (column: string) =>
        ![...tables, ...renamed].includes(tableOfColumn(column)) && !isOfView(column, after);
    const columns = made("column").filter(isAlone);
    const parts = [
        ...(tables.length > 0 ? [`the rows of ${tables.join(", ")}`] : []),
        ...(columns.length > 0 ? [`the values of ${columns.join(", ")}`] : []),
    ];
    if (parts.length === 0) return "Loses nothing.";
    const sentence = parts.join(" and ");
    return `${sentence[0]?.toUpperCase()}${sentence.slice(1)} are lost; a rollback keeps them in the archive.`;
}

function madeOf(kind: string, before: Catalog, after: Catalog): string[] {
    const form = new RegExp(`^${kind} (?!order of )(.*)$`, "s");
    return [...after.keys()].filter(key => !before.has(key)).flatMap(key => form.exec(key)?.[1] ?? []);
}

function isOfView(column: string, catalog: Catalog): boolean {
    const relation = tableOfColumn(column);
    return catalog.has(`view ${relation}`) || catalog.has(`materialized view ${relation}`);
}

/** What is there again after down, and whose content is gone since up. */
function emptyAgain({ observations }: Inverse): string[] {
    const lost = observations.flatMap(each => each.lost);
    const tables = lost.filter(({ kind }) => kind === "table").map(({ name }) => name);
    return [
        ...tables.map(name => `table ${name}`),
        ...lost.filter(({ kind }) => kind === "column").map(({ name }) => `column ${name}`),
    ];
}

/** Indexes that were built beside the traffic are dropped beside it. */
function concurrently(sql: string): string {
    return sql
        .replace(/^(\s*drop index )(?!concurrently)/i, "$1concurrently ")
        .replace(/^(\s*create (?:unique )?index )(?!concurrently)/i, "$1concurrently ");
}
