import { alterCommands, strings, type Tree } from "../../runner/migration/tree.ts";
import type { BreachOfFile } from "./breach.ts";
import { nameOf, type Said, type Scene } from "./scene.ts";

const ofCaller = ["auth.uid", "auth.jwt", "auth.role", "auth.email", "current_setting"];

/** A policy is for one role and one verb, says all its clauses, and comes before row level security is switched on. */
export function policyBreaches(scene: Scene): BreachOfFile[] {
    return scene.said.flatMap((said, index) => [
        ...(said.kind === "CreatePolicyStmt" ? clauseBreaches(said) : []),
        ...(said.kind === "CreatePolicyStmt" || said.kind === "AlterPolicyStmt" ? callerBreaches(said) : []),
        ...orderBreaches(said, scene.said.slice(index + 1), scene),
    ]);
}

function clauseBreaches({ node, line }: Said): BreachOfFile[] {
    const name = String(node.policy_name);
    const table = nameOf(node.table);
    const verb = String(node.cmd_name);
    const roles = (node.roles as { RoleSpec?: { roletype?: string } }[] | undefined) ?? [];
    const breach = (code: string, words: string) => ({ line, code, words: `policy ${name}: ${words}` });
    // The tables of storage are many things to many applications.
    const ownName = table === "storage.objects" || name.startsWith(`${table.replace(/^.*\./, "")}_`);
    return [
        ...(/^[a-z0-9]+(_[a-z0-9]+){2,}$/.test(name) && ownName
            ? []
            : [breach("policy-name", "is not named table_actor_verb")]),
        ...(verb === "all" ? [breach("policy-verbs", "is for all verbs: one each")] : []),
        ...(roles.length === 1 && roles[0]?.RoleSpec?.roletype === "ROLESPEC_CSTRING"
            ? []
            : [breach("policy-roles", "is not for one role that it names")]),
        ...((verb === "update" || verb === "all") && node.with_check === undefined
            ? [breach("policy-check", 'has no "with check": write it, also when it is the same')]
            : []),
    ];
}

/** Looked up once per query inside of `(select …)`, otherwise once per row. */
function callerBreaches({ node, line }: Said): BreachOfFile[] {
    const found = new Set([node.qual, node.with_check].flatMap(clause => calls(clause)));
    return [...found].map(name => ({
        line,
        code: "policy-caller",
        words: `policy ${String(node.policy_name)}: ${name}() is called for every row: (select ${name}())`,
    }));
}

function calls(clause: unknown): string[] {
    if (typeof clause !== "object" || clause === null) return [];
    return Object.entries(clause).flatMap(([kind, node]): string[] => {
        // What is below may look at a row all the same, but then it says so.
        if (kind === "SubLink") return [];
        if (kind !== "FuncCall") return calls(node);
        const name = strings((node as Tree["node"]).funcname).join(".");
        return [...(ofCaller.includes(name) ? [name] : []), ...calls((node as Tree["node"]).args)];
    });
}

/** There must be no moment in which nobody sees a row. */
function orderBreaches(said: Said, later: readonly Said[], { made }: Scene): BreachOfFile[] {
    const table = nameOf(said.node.relation);
    const enables = alterCommands(said).some(({ subtype }) => subtype === "AT_EnableRowSecurity");
    if (!enables || made.has(`table ${table}`)) return [];
    const late = later.some(({ kind, node }) => kind === "CreatePolicyStmt" && nameOf(node.table) === table);
    const words = `row level security of ${table} is switched on before its policies are there`;
    return late ? [{ line: said.line, code: "policies-late", words }] : [];
}
