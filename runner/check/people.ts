import { randomBytes, randomUUID } from "node:crypto";
import type { SupabaseClient } from "@supabase/supabase-js";
import type { Environment } from "../database/connection.ts";
import { UserError } from "../userError.ts";
import { Skipped } from "./attempts.ts";

/** A throw-away user with a token, as an application's visitor has it. */
export interface Visitor {
    readonly id: string;
    readonly client: SupabaseClient;
}

/** Two users and a caller without any. */
export interface Visitors {
    readonly owner: Visitor;
    readonly stranger: Visitor;
    readonly anon: SupabaseClient;
}

/** What supabase-js says of a request. */
export interface Answer {
    readonly error: { readonly message: string } | null;
}

/** Something that a check made, and how it is taken away again. */
export type Removal = readonly [what: string, remove: () => PromiseLike<Answer>];

/** Minutes that a token of ours is good for. */
const lifetime = 10;

/**
 * Makes them, does the work and removes them, whatever comes of it. They are signed with SUPABASE_JWT_SECRET where that
 * is set, else made in the project's Auth.
 *
 * @param service with the service key
 * @throws Skipped where neither is possible: it says what is missing
 * @throws UserError when something is left that could not be removed: it names that
 */
export async function withVisitors(
    service: SupabaseClient,
    environment: Environment,
    work: (visitors: Visitors) => Promise<void>,
): Promise<void> {
    const { SUPABASE_URL: url = "", SUPABASE_JWT_SECRET: secret, SUPABASE_ANON_KEY: anonKey } = environment;
    const { createClient } = await import("@supabase/supabase-js");
    const as = (token: string) =>
        createClient(url, anonKey ?? token, {
            auth: { persistSession: false, autoRefreshToken: false },
            global: { headers: { Authorization: `Bearer ${token}` } },
        });
    if (secret) {
        const sign = await signer(secret);
        const visitor = async (): Promise<Visitor> => {
            const id = randomUUID();
            return { id, client: as(await sign({ role: "authenticated", aud: "authenticated", sub: id })) };
        };
        const anon = as(anonKey ?? (await sign({ role: "anon" })));
        await work({ owner: await visitor(), stranger: await visitor(), anon });
        return;
    }
    if (!anonKey) throw new Skipped("neither SUPABASE_JWT_SECRET nor SUPABASE_ANON_KEY is set");
    const made: Removal[] = [];
    const visitor = async (): Promise<Visitor> => {
        const email = `simulation-db-check-${randomUUID()}@example.com`;
        const password = randomBytes(24).toString("base64url");
        const { data, error } = await service.auth.admin.createUser({ email, password, email_confirm: true });
        if (error) throw new Skipped(`Auth made no throw-away user: ${error.message}`);
        const { id } = data.user;
        made.push([`the user ${email}`, () => service.auth.admin.deleteUser(id)]);
        const { data: signedIn, error: refused } = await as(anonKey).auth.signInWithPassword({ email, password });
        if (refused) throw new Skipped(`Auth did not sign a throw-away user in: ${refused.message}`);
        return { id, client: as(signedIn.session.access_token) };
    };
    await thenRemoved(async () => work({ owner: await visitor(), stranger: await visitor(), anon: as(anonKey) }), made);
}

/**
 * Does the work, then removes what was made, whatever came of it.
 *
 * @param made may grow while the work is done
 * @throws UserError that names what is still there, besides why the work failed
 */
export async function thenRemoved(work: () => Promise<void>, made: readonly Removal[]): Promise<void> {
    const outcome = await work().then(
        () => undefined,
        (error: Error) => error,
    );
    const left: string[] = [];
    for (const [what, remove] of made) {
        const { error } = await remove();
        if (error) left.push(`${what} could not be removed: ${error.message}`);
    }
    if (left.length > 0) throw new UserError([...(outcome ? [outcome.message] : []), ...left].join("; "));
    if (outcome) throw outcome;
}

async function signer(secret: string): Promise<(claims: Record<string, unknown>) => Promise<string>> {
    const { SignJWT } = await import("jose");
    const key = new TextEncoder().encode(secret);
    return claims =>
        new SignJWT(claims)
            .setProtectedHeader({ alg: "HS256", typ: "JWT" })
            .setIssuedAt()
            .setExpirationTime(`${lifetime}m`)
            .sign(key);
}
