import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import { refuse } from "./errors.ts";

/** The roles a request may take on. The platform lets PostgreSQL decide; here the list is the whole truth. */
const roles = ["anon", "authenticated", "service_role"] as const;
export type Role = (typeof roles)[number];

/** Who asks: the role of the transaction and the claims that policies read. */
export interface Caller {
    readonly role: Role;
    /** The `sub` claim: becomes `owner_id` of what the caller uploads. */
    readonly subject: string | undefined;
    readonly claims: JWTPayload;
}

/** The endpoint itself, for what the platform does above the caller: bucket limits, emptiness, the finished upload. */
export const service: Caller = { role: "service_role", subject: undefined, claims: { role: "service_role" } };

const tenYears = "10y";
const algorithm = "HS256";

/**
 * A token of the kind that Supabase issues: HS256, `iss` supabase, valid for ten years unless `claims.exp`
 * (seconds since 1970) says otherwise.
 */
export function signToken(secret: string, claims: JWTPayload): Promise<string> {
    const token = new SignJWT({ iss: "supabase", ...claims }).setProtectedHeader({ alg: algorithm, typ: "JWT" });
    if (claims.iat === undefined) token.setIssuedAt();
    if (claims.exp === undefined) token.setExpirationTime(tenYears);
    return token.sign(new TextEncoder().encode(secret));
}

/** The claims of a token signed with `secret`. Throws jose's error: forged, expired, another algorithm, no token. */
export async function verifyToken(secret: string, token: string): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), { algorithms: [algorithm] });
    return payload;
}

/** Who sent the `Authorization` header. Throws the refusal of the real server when the token does not hold. */
export async function callerOf(secret: string, authorization: string | undefined): Promise<Caller> {
    if (authorization === undefined) {
        throw refuse.malformed("headers must have required property 'authorization'");
    }
    let claims: JWTPayload;
    try {
        claims = await verifyToken(secret, authorization.replace(/^Bearer\s+/i, ""));
    } catch (error) {
        throw refuse.accessDenied(error instanceof Error ? error.message : "Invalid JWT");
    }
    const role = roles.find(known => known === (claims.role ?? "anon"));
    if (role === undefined) throw refuse.accessDenied(`permission denied to set role "${String(claims.role)}"`);
    return { role, subject: claims.sub, claims };
}
