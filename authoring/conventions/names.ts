import { type Node, nodesOf, type RangeVar, strings, type Tree } from "../../runner/migration/tree.ts";
import type { BreachOfFile } from "./breach.ts";
import type { Scene } from "./scene.ts";

/** Kinds of objects whose name has a schema, by the parser's word for them. */
const inSchema = [
    "TABLE",
    "VIEW",
    "MATVIEW",
    "INDEX",
    "SEQUENCE",
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "TYPE",
    "DOMAIN",
];

/** Every name with its schema: it means the same under any search_path. */
export function nameBreaches({ said }: Scene): BreachOfFile[] {
    return said.flatMap(tree => {
        const bare = new Set([...bareRelations(tree), ...bareObjects(tree)]);
        return [...bare].map(name => ({
            line: tree.line,
            code: "no-schema",
            words: `${name} has no schema before it, so what it means depends on the search_path`,
        }));
    });
}

/** Tables, views and sequences that are named without a schema, save the names of `with` and of triggers' own tables. */
function bareRelations(tree: Tree): string[] {
    const own = new Set<string>();
    const bare: string[] = [];
    for (const { kind, node } of nodesOf(tree)) {
        if (kind === "CommonTableExpr") own.add(String(node.ctename));
        if (kind === "RangeVar") note(node);
        for (const field of ["relation", "view", "table", "pktable", "sequence"]) note(node[field]);
    }
    return bare.filter(name => !own.has(name));

    function note(relation: unknown): void {
        const { schemaname, relname } = (relation ?? {}) as RangeVar;
        // The system catalogs are found whatever the search_path says.
        if (relname !== undefined && schemaname === undefined && !relname.startsWith("pg_")) bare.push(relname);
    }
}

/** Functions and types that are made, dropped, commented on or granted without a schema. */
function bareObjects({ kind, node }: Tree): string[] {
    const made = [node.funcname, node.typeName, node.domainname, node.defnames].filter(Array.isArray);
    if (
        ["CreateFunctionStmt", "CreateEnumStmt", "CreateDomainStmt", "CreateRangeStmt", "AlterEnumStmt"].includes(kind)
    ) {
        return made.flatMap(name => single(strings(name)));
    }
    const objectKind = String(node.removeType ?? node.objtype ?? node.objectType ?? "").replace("OBJECT_", "");
    if (!inSchema.includes(objectKind)) return [];
    const objects = [node.objects, node.object].flat().filter(object => typeof object === "object" && object !== null);
    return (objects as Node[]).flatMap(object => {
        const { List: list, ObjectWithArgs: routine, TypeName: type } = object as Record<string, Node | undefined>;
        return single(strings(list?.items ?? routine?.objname ?? type?.names));
    });
}

function single(parts: readonly string[]): string[] {
    return parts.length === 1 ? [...parts] : [];
}
