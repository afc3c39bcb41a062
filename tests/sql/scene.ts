import type pg from "pg";
import type { Ground } from "./ground.ts";

/** Somebody who sends SQL: a role, and for users who they are. */
export interface Actor {
    readonly role: string;
    readonly sub?: string;
}

const person = (number: number): Actor & { readonly sub: string } => ({
    role: "authenticated",
    sub: `a0000000-0000-4000-8000-00000000000${number}`,
});

// The people of the sample data.
/** Active in Northwind. */
export const ada = person(1);
/** Active in Contoso and Fabrikam. */
export const grace = person(2);
/** Active in Northwind and in Contoso. */
export const alan = person(3);
/** Removed from Northwind. */
export const edsger = person(4);
/** Invited to Northwind. */
export const barbara = person(5);
/** An inactive member of Contoso. */
export const katherine = person(6);
/** In no organization. */
export const linus = person(7);

export const anon: Actor = { role: "anon" };
export const serviceRole: Actor = { role: "service_role" };
export const uploadService: Actor = { role: "dataset_service" };
export const reader: Actor = { role: "simulation_reader" };
export const postgres: Actor = { role: "postgres" };
export const authAdmin: Actor = { role: "supabase_auth_admin" };

export const northwind = "b0000000-0000-4000-8000-000000000001";
export const contoso = "b0000000-0000-4000-8000-000000000002";

/** Runs one statement as an actor. A statement that fails leaves no trace, so the play goes on after it. */
export type Say = (actor: Actor, sql: string, values?: unknown[]) => Promise<pg.QueryResult>;

/** A play on the stage of one transaction: the API's way of becoming somebody, and at the end nothing happened. */
export async function scene({ admin }: Pick<Ground, "admin">, play: (say: Say) => Promise<void>): Promise<void> {
    await admin.query("begin");
    try {
        await play(async ({ role, sub }, sql, values) => {
            await admin.query("savepoint statement");
            try {
                const claims = JSON.stringify({ role, ...(sub ? { sub } : {}) });
                await admin.query("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", [
                    role,
                    claims,
                ]);
                return await admin.query(sql, values);
            } catch (error) {
                await admin.query("rollback to savepoint statement");
                throw error;
            } finally {
                await admin.query("reset role");
            }
        });
    } finally {
        await admin.query("rollback");
    }
}

/** What an error of PostgreSQL has to be: its SQLSTATE, and where one was broken the name of the constraint. */
export function refusal(code: string, constraint?: string): (error: pg.DatabaseError) => boolean {
    return error => error.code === code && (constraint === undefined || error.constraint === constraint);
}

/** insufficient_privilege: no grant, or no policy that lets the row pass. */
export const forbidden = refusal("42501");
