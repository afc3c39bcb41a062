import { schemaOf } from "../../changes/aspect.ts";
import { alterCommands, type Node, type RangeVar, strings, type Tree } from "../../../runner/migration/tree.ts";
import { type Finding, insecure, note, placed } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { isInReach } from "./reach.ts";

/**
 * Fences that the text of a migration takes away, for when no shadow could try it. Of the catalog only schemas are asked,
 * so it errs on the side of a finding.
 */
export function insecureByText({ acts, exposed, look }: Pick<Scene, "acts" | "exposed" | "look">): Finding[] {
    const trees = acts.flatMap(({ trees: each, observation }) =>
        each.map(tree => ({ tree, place: observation.place })),
    );
    const enabled = trees.flatMap(({ tree }) =>
        alterCommands(tree).some(({ subtype }) => subtype === "AT_EnableRowSecurity") ? nameOf(tree.node.relation) : [],
    );
    return trees.flatMap(({ tree, place }) => findingsOf(tree).map(finding => ({ ...finding, ...placed(place) })));

    function findingsOf(tree: Tree): Finding[] {
        const { kind, node } = tree;
        const relation = nameOf(node.relation);
        if (alterCommands(tree).some(({ subtype }) => subtype === "AT_DisableRowSecurity")) {
            return [insecure("rls-off", relation, "row level security is switched off")];
        }
        if (kind === "CreateStmt" && exposed.has(schemaOf(relation) ?? "") && !enabled.includes(relation)) {
            return [
                insecure("rls-missing", relation, "is made without row level security in a schema that the API shows"),
            ];
        }
        if (kind === "DropStmt" && node.removeType === "OBJECT_POLICY")
            return [insecure("policy-dropped", `policy ${policyNames(node.objects)}`, "is dropped")];
        if (kind === "GrantStmt" && node.is_grant === true && !isOutOfReach(node))
            return everybody(node).map(role =>
                insecure(
                    role === "anon" ? "grant-to-anon" : "grant-to-public",
                    role === "anon" ? "anon" : "PUBLIC",
                    "is granted something",
                ),
            );
        if (kind === "AlterDefaultPrivilegesStmt") {
            const action = (node.action ?? {}) as Node;
            return action.is_grant === true && everybody(action).length > 0
                ? [insecure("default-privileges-opened", "default privileges", "give everybody something")]
                : [];
        }
        if (kind === "DoStmt")
            return [note("opaque", "DO block", "what it does is not in the text, so nothing is known of it")];
        if (kind === "CreateFunctionStmt" && option(node, "security") && !option(node, "set")) {
            return [
                insecure(
                    "definer-without-search-path",
                    `function ${strings(node.funcname).join(".")}`,
                    "is security definer and has no search_path of its own",
                ),
            ];
        }
        return [];
    }

    function isOutOfReach({ objtype, objects }: Node): boolean {
        if (objtype !== "OBJECT_FUNCTION") return false;
        const functions = (objects as { ObjectWithArgs?: { objname?: unknown } }[] | undefined) ?? [];
        return functions.every(({ ObjectWithArgs }) => {
            const [name, schema] = strings(ObjectWithArgs?.objname).reverse();
            return name !== undefined && schema !== undefined && !isInReach(schema, look.catalog, exposed);
        });
    }
}

function nameOf(relation: unknown): string {
    const { schemaname = "public", relname = "" } = (relation ?? {}) as RangeVar;
    return `${schemaname}.${relname}`;
}

function everybody({ grantees }: Node): string[] {
    const roles = (grantees as { RoleSpec?: { roletype?: string; rolename?: string } }[] | undefined) ?? [];
    return roles.flatMap(({ RoleSpec: role }) => {
        if (role?.roletype === "ROLESPEC_PUBLIC") return "public";
        return role?.rolename === "anon" ? "anon" : [];
    });
}

function option({ options }: Node, name: string): boolean {
    const list =
        (options as { DefElem?: { defname?: string; arg?: { Boolean?: { boolval?: boolean } } } }[] | undefined) ?? [];
    const found = list.find(({ DefElem }) => DefElem?.defname === name)?.DefElem;
    return found !== undefined && (name !== "security" || found.arg?.Boolean?.boolval === true);
}

function policyNames(objects: unknown): string {
    const lists = (objects as { List?: { items?: unknown[] } }[] | undefined) ?? [];
    const words = lists.map(({ List }) => {
        const [policy, ...table] = strings(List?.items).reverse();
        return `${policy} on ${table.reverse().join(".")}`;
    });
    return words.join(", ");
}
