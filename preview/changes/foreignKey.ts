import { identifier } from "./aspect.ts";

/** What a foreign key says, with names as SQL writes them. */
export interface ForeignKey {
    readonly columns: readonly string[];
    /** The table that it points at. */
    readonly parent: string;
    readonly parentColumns: readonly string[];
    readonly matchesFull: boolean;
}

/** Names in brackets, of which `columnsIn` makes a list. */
export const columnList = `\\((${identifier}(?:, ${identifier})*)\\)`;

const words = new RegExp(
    `^FOREIGN KEY ${columnList} REFERENCES (${identifier}(?:\\.${identifier})?)${columnList}( MATCH FULL)?`,
);

/** Takes a constraint's definition apart as the catalog has it; undefined: it is of another kind. */
export function readForeignKey(definition: string): ForeignKey | undefined {
    const [, own, parent, theirs, full] = words.exec(definition) ?? [];
    if (own === undefined || parent === undefined || theirs === undefined) return undefined;
    return { columns: columnsIn(own), parent, parentColumns: columnsIn(theirs), matchesFull: full !== undefined };
}

/** The names of a list without its brackets. */
export function columnsIn(list: string): string[] {
    return list.split(/, (?=(?:[^"]*"[^"]*")*[^"]*$)/);
}
