import { randomBytes, randomUUID } from "node:crypto";
import type { SupabaseClient } from "@supabase/supabase-js";
import type { Environment } from "../database/connection.ts";
import { Skipped } from "./attempts.ts";

/** A throw-away user with a token, as an application's visitor has it. */
export interface Visitor {
    readonly id: string;
    readonly client: SupabaseClient;
}

/** Two users and a caller without any; `leave` removes them. */
export interface Visitors {
    readonly owner: Visitor;
    readonly stranger: Visitor;
    readonly anon: SupabaseClient;
    readonly leave: () => Promise<void>;
}

/** Minutes that a token of ours is good for. */
const lifetime = 10;

/**
 * Makes them: signed with SUPABASE_JWT_SECRET where that is set, else through the project's Auth with two new users.
 *
 * @param service with the service key
 * @throws Skipped where neither is possible; it says what is missing
 */
export async function visitors(service: SupabaseClient, environment: Environment): Promise<Visitors> {
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
        return {
            owner: await visitor(),
            stranger: await visitor(),
            anon: as(anonKey ?? (await sign({ role: "anon" }))),
            leave: () => Promise.resolve(),
        };
    }
    if (!anonKey) throw new Skipped("neither SUPABASE_JWT_SECRET nor SUPABASE_ANON_KEY is set");
    const made: string[] = [];
    const leave = async () => {
        for (const id of made) await service.auth.admin.deleteUser(id);
    };
    const visitor = async (): Promise<Visitor> => {
        const email = `simulation-db-check-${randomUUID()}@example.com`;
        const password = randomBytes(24).toString("base64url");
        const { data, error } = await service.auth.admin.createUser({ email, password, email_confirm: true });
        if (error) throw new Skipped(`Auth made no throw-away user: ${error.message}`);
        made.push(data.user.id);
        const { data: signedIn, error: refused } = await as(anonKey).auth.signInWithPassword({ email, password });
        if (refused) throw new Skipped(`Auth did not sign a throw-away user in: ${refused.message}`);
        return { id: data.user.id, client: as(signedIn.session.access_token) };
    };
    try {
        return { owner: await visitor(), stranger: await visitor(), anon: as(anonKey), leave };
    } catch (error) {
        await leave();
        throw error;
    }
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
