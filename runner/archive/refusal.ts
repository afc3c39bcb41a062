import type pg from "pg";
import { connectionLost } from "../database/sqlError.ts";

/**
 * Whether the table of today does not take rows, or does not let them go: all that PostgreSQL, or a function of the table,
 * says of them. Not what is wrong with the connection (class 08), the transaction (25, 40), a lock (55P) or the server (53,
 * 57, 58, XX).
 */
export function isRefused(error: unknown): boolean {
    return !connectionLost(error) && /^(?!08|25|40|53|55P|57|58|XX)[0-9A-Z]{5}$/.test(codeOf(error));
}

/** SQLSTATE; empty where PostgreSQL did not say it. */
export function codeOf(error: unknown): string {
    return (error as Partial<pg.DatabaseError>).code ?? "";
}

/** What came back is not what was kept. */
export class Mismatch extends Error {}

/** Whether rows do not fit into the table of today. */
export function fitsNot(error: unknown): boolean {
    return error instanceof Mismatch || isRefused(error);
}

/** Whether a unique (23505) or exclusion (23P01) constraint has another row in the place of this one. */
export function meetsAnother(error: unknown): boolean {
    return ["23505", "23P01"].includes(codeOf(error));
}

/** Whether that is because names and types are others (class 42): then none of them fits. */
export function isOfAnotherTable(error: unknown): boolean {
    return codeOf(error).startsWith("42");
}
