import { alterCommands, type Node, nodesOf } from "../../runner/migration/tree.ts";
import type { BreachOfFile } from "./breach.ts";
import { constraintsOf, nameOf, type Said, type Scene } from "./scene.ts";

const validated = ["CONSTR_CHECK", "CONSTR_FOREIGN"];

/** New tables are closed and named through; old ones go on serving while they change. */
export function tableBreaches(scene: Scene): BreachOfFile[] {
    return scene.said.flatMap(said => [
        ...constraintBreaches(said),
        ...newTableBreaches(said, scene),
        ...(isNew(said, scene) ? [] : liveTableBreaches(said)),
    ]);
}

/** Whether the statement is about a table that the same migration makes: nobody uses that yet. */
function isNew({ node }: Said, { made }: Scene): boolean {
    return made.has(`table ${nameOf(node.relation)}`);
}

function constraintBreaches(said: Said): BreachOfFile[] {
    const { line, text } = said;
    return constraintsOf(said).flatMap(({ contype, conname, fk_del_action: onDelete }) => [
        ...(contype === "CONSTR_CHECK" && conname === undefined
            ? [
                  {
                      line,
                      code: "check-unnamed",
                      words: "a check without a name: it is what a user sees when it is broken",
                  },
              ]
            : []),
        ...(contype === "CONSTR_FOREIGN" && onDelete === "a" && !/\bon\s+delete\s+no\s+action\b/.test(text)
            ? [{ line, code: "no-on-delete", words: "a foreign key that does not say what happens on delete" }]
            : []),
    ]);
}

function newTableBreaches({ kind, node, line }: Said, { said }: Scene): BreachOfFile[] {
    const name = nameOf(node.relation);
    // A partition is reached through its table, and a temporary table by nobody else.
    const isOwn = node.partbound === undefined && (node.relation as Node | undefined)?.relpersistence !== "t";
    if (kind !== "CreateStmt" || !isOwn) return [];
    const secured = said.some(
        other =>
            nameOf(other.node.relation) === name &&
            alterCommands(other).some(({ subtype }) => subtype === "AT_EnableRowSecurity"),
    );
    const closed = said.some(
        ({ kind: one, node: grant }) =>
            one === "GrantStmt" &&
            grant.is_grant !== true &&
            [...nodesOf({ kind: one, node: grant })].some(
                each => each.kind === "RangeVar" && nameOf(each.node) === name,
            ),
    );
    return [
        ...(secured
            ? []
            : [{ line, code: "no-row-security", words: `${name} is made without "enable row level security"` }]),
        ...(closed
            ? []
            : [
                  {
                      line,
                      code: "not-closed",
                      words: `${name} is made without "revoke all … from public, anon, authenticated, service_role": projects differ in what a new table is born with`,
                  },
              ]),
    ];
}

function liveTableBreaches(said: Said): BreachOfFile[] {
    const { kind, node, line } = said;
    const table = nameOf(node.relation);
    if (kind === "IndexStmt" && node.concurrent !== true) {
        const words = `an index on ${table} that is not built "concurrently": writes stop meanwhile`;
        return [{ line, code: "index-not-concurrent", words }];
    }
    return alterCommands(said).flatMap(({ subtype, def }) => {
        const { Constraint: constraint, ColumnDef: column } = def ?? {};
        if (subtype === "AT_AddConstraint" && validated.includes(String(constraint?.contype))) {
            if (constraint?.skip_validation === true) return [];
            const words = `a constraint on ${table} that is not "not valid": all rows are read under a lock; a later migration validates it`;
            return [{ line, code: "not-not-valid", words }];
        }
        const more = (column?.constraints as { Constraint?: { contype?: string } }[] | undefined) ?? [];
        if (subtype !== "AT_AddColumn" || more.length === 0) return [];
        const words = `a new column of ${table} that comes with a default or a constraint: old rows keep null, "set default" and constraints follow`;
        return [{ line, code: "column-not-bare", words }];
    });
}
