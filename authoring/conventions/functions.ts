import { type Node, nodesOf, strings } from "../../runner/migration/tree.ts";
import type { BreachOfFile } from "./breach.ts";
import { madeBy, type Said, type Scene } from "./scene.ts";

interface Option {
    readonly DefElem?: {
        readonly defname?: string;
        readonly arg?: { readonly VariableSetStmt?: { readonly name?: string } };
    };
}

/** A function looks names up in no schema but those it says, and only who needs it may call it. */
export function functionBreaches(scene: Scene): BreachOfFile[] {
    return scene.said.flatMap(said => [...functionBreach(said, scene), ...replaceBreach(said, scene)]);
}

function functionBreach({ kind, node, line }: Said, { said, isKnown }: Scene): BreachOfFile[] {
    if (kind !== "CreateFunctionStmt") return [];
    const name = strings(node.funcname).join(".");
    const options = (node.options as Option[] | undefined) ?? [];
    const hasPath = options.some(({ DefElem: option }) => option?.arg?.VariableSetStmt?.name === "search_path");
    const closed = isKnown(`function ${name}`) || said.some(({ kind: one, node: grant }) => closes(one, grant, name));
    return [
        ...(hasPath ? [] : [{ line, code: "no-search-path", words: `function ${name} has no "set search_path = ''"` }]),
        ...(closed
            ? []
            : [
                  {
                      line,
                      code: "function-open",
                      words: `function ${name}: without "revoke all … from public, anon, authenticated, service_role" it depends on the project who may call it`,
                  },
              ]),
    ];
}

function closes(kind: string, grant: Node, name: string): boolean {
    if (kind !== "GrantStmt" || grant.is_grant === true) return false;
    const routines = [...nodesOf({ kind, node: grant })].filter(each => each.kind === "ObjectWithArgs");
    return routines.some(({ node }) => strings(node.objname).join(".") === name);
}

/** What policies, triggers or other views use cannot be dropped and made anew: that alone is replaced. */
function replaceBreach(said: Said, { isKnown }: Scene): BreachOfFile[] {
    if (said.node.replace !== true || (said.kind !== "CreateFunctionStmt" && said.kind !== "ViewStmt")) return [];
    return madeBy(said)
        .filter(object => !isKnown(object))
        .map(object => ({
            line: said.line,
            code: "create-or-replace",
            words: `"create or replace" of a ${object} that nothing before makes: it would hide that something else of that name is there`,
        }));
}
