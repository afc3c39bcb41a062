import { strings, type Tree } from "../../runner/migration/tree.ts";
import type { BreachOfFile } from "./breach.ts";
import { madeBy, type Scene } from "./scene.ts";

/** What is new says what its name cannot. */
export function commentBreaches({ said, isKnown }: Scene): BreachOfFile[] {
    const commented = new Set(said.flatMap(commentedBy));
    return said.flatMap(each =>
        madeBy(each)
            .filter(object => !commented.has(object) && !isKnown(object))
            .map(object => ({
                line: each.line,
                code: "no-comment",
                words: `${object} has no comment: "comment on ${object.split(" ")[0]} …" stays with it`,
            })),
    );
}

function commentedBy({ kind, node }: Tree): string[] {
    if (kind !== "CommentStmt") return [];
    const { List: list, ObjectWithArgs: routine } = (node.object ?? {}) as Record<string, Tree["node"] | undefined>;
    const type = String(node.objtype)
        .replace("OBJECT_", "")
        .replace("MATVIEW", "VIEW")
        .replace("PROCEDURE", "FUNCTION");
    return [`${type.toLowerCase()} ${strings(list?.items ?? routine?.objname).join(".")}`];
}
