import type pg from "pg";
import { archivedIn, type ListedPart } from "./registry.ts";

/** So often what has rows that do not fit is parted: a few such rows are found alone, and many do not take for ever. */
export const mostHalvings = 256;

/** More than there are rows on a page. */
export const placesOfPage = 2048;

/** What is put back of a part of the archive at once. */
export interface Batch {
    /** Condition on `a`, what was kept; of columns also on `t`, a row of the table. */
    readonly where: string;
    /** The places of the archive that it has, from the first up to the second one. */
    readonly places?: readonly [number, number];
}

/** All of a part. */
export async function wholeOf(client: pg.Client, part: ListedPart, where: string): Promise<Batch> {
    const { rows } = await client.query<{ pages: number }>(
        "select (pg_relation_size($1::regclass) / current_setting('block_size')::integer)::integer as pages",
        [archivedIn(part)],
    );
    return { where, places: [0, (rows[0]?.pages ?? 0) * placesOfPage] };
}

/** Parts one of which a row does not fit, so that it keeps the others back no more; none where there is one place only. */
export function halvesOf({ where, places: [from, to] = [0, 0] }: Batch): Batch[] {
    const middle = Math.floor((from + to) / 2);
    if (middle === from) return [];
    return [
        { where, places: [from, middle] },
        { where, places: [middle, to] },
    ];
}

/** Condition on its rows. */
export function rowsOfBatch({ where, places }: Batch): string {
    if (!places) return where;
    const ctid = (place: number) => `'(${Math.floor(place / placesOfPage)},${place % placesOfPage})'`;
    return `a.ctid >= ${ctid(places[0])} and a.ctid < ${ctid(places[1])} and ${where}`;
}
