import { ada, alan, edsger, grace, katherine, linus } from "../sql/scene.ts";

/** Somebody who sends SQL, as they reach the database. */
export interface Actor {
    readonly name: string;
    /** Column of attacks.txt. */
    readonly column: Column;
    readonly role: string;
    /** What the connection logged in as: the API's login for its roles, as `set role` looks at that. */
    readonly login: string;
    /** Text of request.jwt.claims, which the API sets once it has checked the token. */
    readonly claims: string;
    /** Who the claims say it is. */
    readonly sub?: string;
}

/** The columns of attacks.txt, in their order. */
export const columns = [
    "anon",
    "ada",
    "linus",
    "alan",
    "left",
    "inact",
    "grace",
    "servc",
    "uplod",
    "reader",
    "nobody",
    "broken",
] as const;
export type Column = (typeof columns)[number];

/** Those who may see everything: an answer to them tells nobody anything new. */
export const allSeeing: readonly Column[] = ["servc", "uplod", "reader"];

type Claims = Record<string, unknown>;

function throughApi(column: Column, name: string, claims: Claims | string, role = "authenticated"): Actor {
    const sub = typeof claims === "string" ? undefined : claims.sub;
    return {
        name,
        column,
        role,
        login: "authenticator",
        claims: typeof claims === "string" ? claims : JSON.stringify(claims),
        ...(typeof sub === "string" ? { sub } : {}),
    };
}

const user = (column: Column, name: string, { sub }: { sub?: string }, more: Claims = {}) =>
    throughApi(column, name, { role: "authenticated", ...(sub ? { sub } : {}), ...more });
const service = (column: Column, role: string): Actor => ({ name: role, column, role, login: role, claims: "" });
const nobody = (what: string, claims: Claims | string) => ({
    ...throughApi("nobody", `a user with ${what}`, claims),
    sub: undefinedUser,
});
const broken = (what: string, claims: Claims | string) => ({
    ...throughApi("broken", `a user with ${what}`, claims),
    sub: undefinedUser,
});

/** An id that nobody has: what those without one of their own send as theirs. */
export const undefinedUser = "a0000000-0000-4000-8000-0000000000ee";

export const actors: readonly Actor[] = [
    throughApi("anon", "anon", { role: "anon" }, "anon"),
    throughApi("anon", "anon without claims", "", "anon"),
    user("ada", "ada, the owner, a member of Northwind", ada),
    user("linus", "linus, a member of nothing", linus),
    user("linus", "linus with claims of a service", linus, {
        app_metadata: { role: "service_role" },
        user_role: "admin",
    }),
    throughApi("linus", "linus with a role that the API did not take", { role: "service_role", sub: linus.sub }),
    user("alan", "alan, a member of Northwind and Contoso", alan),
    user("left", "edsger, removed from Northwind", edsger),
    user("inact", "katherine, inactive in Northwind and Contoso", katherine),
    user("grace", "grace, a member of Contoso", grace),
    throughApi("servc", "service_role", { role: "service_role" }, "service_role"),
    service("uplod", "dataset_service"),
    service("reader", "simulation_reader"),
    nobody("no claims", ""),
    nobody("empty claims", {}),
    nobody("a sub of null", { role: "authenticated", sub: null }),
    nobody("a list for claims", "[]"),
    nobody("a string for claims", '"authenticated"'),
    broken("claims that are no JSON", "sub"),
    broken("claims that are cut off", `{"sub": "${ada.sub}"`),
    broken("an empty sub", { role: "authenticated", sub: "" }),
    broken("a number for a sub", { role: "authenticated", sub: 7 }),
    broken("a list for a sub", { role: "authenticated", sub: [ada.sub] }),
    broken("an object for a sub", { role: "authenticated", sub: { id: ada.sub } }),
];
