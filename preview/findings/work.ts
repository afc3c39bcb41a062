import { type Act, stepsOf } from "./act.ts";
import {
    type AlterTableCommand,
    alterCommands,
    type Node,
    nodesOf,
    type RangeVar,
    type Tree,
} from "../../runner/migration/tree.ts";
import { columnWithoutValue } from "../../runner/archive/guard.ts";
import { largeTable } from "../../runner/archive/table.ts";
import { readAspect } from "../changes/aspect.ts";
import { provesBounds } from "./bounds.ts";
import { constraintWords } from "./constraintWords.ts";
import { keysMadeAgain } from "./keysMadeAgain.ts";
import { plain } from "./names.ts";
import type { Scene } from "./scene.ts";

/** Something that takes the longer the more rows a table has. */
export interface Work {
    readonly kind: "rewrite" | "scan" | "index build" | "rows" | "copy";
    /** A table of the target. */
    readonly table: string;
    /** Estimate, in milliseconds. */
    readonly ms: number;
    /** `rewrites 3.4 GB` */
    readonly words: string;
}

/** Bytes per second, as measured on two busy shared cores, rounded down: docs/preview.md has the measurement. */
const bytesPerSecond = {
    /** Of a table with its indexes, which are built again. */
    rewrite: 10e6,
    /** Of the rows alone. */
    scan: 150e6,
    "index build": 15e6,
    /** A statement that touches every row. */
    rows: 2.5e6,
    /** Of rows into another table; not measured, taken as the one before. */
    copy: 2.5e6,
} as const;

const verbs = {
    rewrite: "rewritten",
    scan: "read",
    "index build": "indexed",
    rows: "changed row by row",
    copy: "copied row by row",
} as const;

/** What a statement does to the rows of tables of the target, and about how long that takes with as many as there are. */
export function workOf(act: Act, { acts, look, names, trial, targetName }: Scene): Work[] {
    const { observation } = act;
    const found: Work[] = [];
    const add = (kind: Work["kind"], table: string | undefined) => {
        const size = table === undefined ? undefined : look.tables.get(table);
        if (!table || !size || found.some(one => one.kind === kind && one.table === table)) return;
        const bytes = kind === "rewrite" ? size.bytes : size.heapBytes;
        found.push({ kind, table, ms: (bytes / bytesPerSecond[kind]) * 1000, words: verbs[kind] });
    };
    for (const table of observation.rewritten.filter(name => !observation.truncated.includes(name)))
        add("rewrite", targetName(table, observation));
    // A rewrite reads the table anyway, and builds its indexes.
    const rewrites = new Set(found.map(({ table }) => table));
    const anew = observation.indexed
        .filter(name => !observation.truncated.includes(name))
        .map(name => targetName(name, observation));
    for (const [kind, tables] of [["index build", anew] as const, ...stepsOf(act).flatMap(demands)])
        for (const table of tables.filter(name => !rewrites.has(name))) add(kind, table);
    return found;

    function demands(tree: Tree): (readonly [Work["kind"], readonly string[]])[] {
        const { kind, node } = tree;
        const relation = node.relation as RangeVar | undefined;
        const tables = names.written(relation);
        if (kind === "IndexStmt" || kind === "ReindexStmt") return [["index build", tables]];
        if (["UpdateStmt", "DeleteStmt", "MergeStmt"].includes(kind)) return [["rows", tables]];
        if (kind === "CreateStmt" && node.partbound) return [["scan", defaultPartitionsOf(parentOf(node))]];
        if (kind === "AlterDomainStmt" && readsRows(node)) {
            const locked = observation.locks.map(lock => targetName(lock.relation, observation));
            return [["scan", locked]];
        }
        const copied = copiedBy(tree);
        if (copied.length > 0) return copied.map(each => ["copy", names.written(each)] as const);
        const table = names.onTarget(relation);
        if (table === undefined) return [];
        return alterCommands(tree).flatMap(command => {
            if (command.subtype === "AT_AttachPartition") {
                const partition = attached(command);
                const read = isWithinBounds(partition, table) ? [] : names.written(partition);
                return [["scan", [...read, ...defaultPartitionsOf(relation)]] as const];
            }
            const needed = demandOf(command, table);
            return [
                ...(needed === undefined ? [] : [[needed, tables] as const]),
                ...(command.subtype === "AT_AlterColumnType"
                    ? [["scan", referring(table, command.name)] as const]
                    : []),
            ];
        });
    }

    function demandOf({ subtype, name = "", def }: AlterTableCommand, table: string): Work["kind"] | undefined {
        if (subtype === "AT_SetNotNull")
            return isProvenNotNull(table, name) || isGuarded(table, name) ? undefined : "scan";
        if (subtype === "AT_ValidateConstraint") return wasValid(table, name) ? undefined : "scan";
        if (subtype === "AT_AlterColumnType") return isChecked(table, name) ? "scan" : undefined;
        if (subtype === "AT_AddConstraint") {
            const { contype, indexname } = def?.Constraint ?? {};
            // It makes the columns of its index `not null`.
            if (contype === "CONSTR_PRIMARY" && indexname !== undefined)
                return isKeyProvenNotNull(table) ? undefined : "scan";
            return constraintWork(def?.Constraint);
        }
        if (subtype === "AT_AddColumn") {
            const works = columnConstraints(def).map(constraintWork);
            return works.find(work => work === "index build") ?? works.find(work => work !== undefined);
        }
        return undefined;
    }

    /** PostgreSQL looks for a valid check that says the same, and reads no row then (documentation of ALTER TABLE). */
    function isProvenNotNull(table: string, column: string): boolean {
        const name = plain(names.columnOnTarget(table, column) ?? `${table}.${column}`);
        const isIt = (other: string) => plain(names.before(other)) === name;
        return [...trial.before].some(([key, text]) => {
            if (key.startsWith("column ")) return text.includes(" not null") && isIt(key.slice("column ".length));
            const proven = /^CHECK \(\((.+) IS NOT NULL\)\)$/.exec(text)?.[1];
            const { object, part = "" } = readAspect(key);
            return proven !== undefined && isIt(`${object}.${proven}`) && !isAnew(table, plain(part));
        });
    }

    /** Of the primary key that the file leaves the table. */
    function isKeyProvenNotNull(table: string): boolean {
        const isIt = ([key, text]: readonly [string, string]) =>
            text.startsWith("PRIMARY KEY (") && names.before(readAspect(key).object) === table;
        const [, definition = ""] = [...trial.after].find(isIt) ?? [];
        const columns = identifiersIn(/^PRIMARY KEY (.*?\))(?: |$)/.exec(definition)?.[1] ?? "");
        return columns.length > 0 && columns.every(column => isProvenNotNull(table, plain(column)));
    }

    /** Whether a valid check names the column: PostgreSQL makes such a check again for the new type, and reads all rows. */
    function isChecked(table: string, column: string): boolean {
        const name = names.columnOnTarget(table, column);
        return [...trial.before].some(([key, text]) => {
            const isValid = text.startsWith("CHECK (") && !text.endsWith(" NOT VALID");
            if (!isValid) return false;
            const { object, part = "" } = readAspect(key);
            if (names.before(object) !== table || isAnew(table, plain(part))) return false;
            return identifiersIn(text).some(each => names.before(`${object}.${each}`) === name);
        });
    }

    /** Tables that a new type of a column has PostgreSQL read for a foreign key. */
    function referring(table: string, name = ""): string[] {
        const column = names.columnOnTarget(table, name);
        if (column === undefined) return [];
        return keysMadeAgain(column, { trial, names }).flatMap(key =>
            isAnew(key.table, key.constraint) ? [] : key.table,
        );
    }

    /** Those that the target has now: what belongs into a new partition may not be in there, so all of it is read. */
    function defaultPartitionsOf(parent: RangeVar | undefined): string[] {
        const table = names.onTarget(parent);
        if (table === undefined) return [];
        return [...trial.before].flatMap(([key, text]) => {
            if (!/^(?:partitioned |foreign )?table /.test(key)) return [];
            const inherits = /^partition DEFAULT$/m.test(text) ? /^inherits (.*)$/m.exec(text)?.[1] : undefined;
            if (inherits === undefined || names.before(inherits) !== table) return [];
            const partition = names.before(readAspect(key).object);
            return look.tables.get(partition)?.heapBytes === 0 ? [] : partition;
        });
    }

    function isWithinBounds(partition: RangeVar | undefined, parent: string | undefined): boolean {
        const table = names.onTarget(partition);
        if (table === undefined || parent === undefined) return false;
        return provesBounds(
            trial,
            name => names.before(name) === table,
            name => names.before(name) === parent,
            constraint => isAnew(table, plain(constraint)),
        );
    }

    /** The rollback of a large table has proven it before, while others wrote: runner/archive/guard.ts. */
    function isGuarded(table: string, column: string): boolean {
        const isLarge = (look.tables.get(table)?.heapBytes ?? 0) >= largeTable;
        const leave = trial.archives.filter(({ table: from }) => from === table);
        return (
            trial.part === "down" && isLarge && leave.some(({ where = "" }) => columnWithoutValue({ where }) === column)
        );
    }

    function wasValid(table: string, constraint: string): boolean {
        if (isAnew(table, constraint)) return false;
        return [...trial.before].some(([key, text]) => {
            if (!plain(key).startsWith(`constraint ${constraint} on `) || text.endsWith(" NOT VALID")) return false;
            return names.before(readAspect(key).object) === table;
        });
    }

    /** Whether the file has dropped a constraint of that name by then, or made one: what was there before is not it. */
    function isAnew(table: string, constraint: string): boolean {
        return constraintWords(acts.slice(0, acts.indexOf(act) + 1), names).some(
            word => word.table === table && word.constraint === constraint,
        );
    }
}

/**
 * Those of a new column. One that is null everywhere refers to nothing, so PostgreSQL reads no row for its foreign key
 * (transformAlterTableStmt in parse_utilcmd.c); for a check it does.
 */
function columnConstraints(def: AlterTableCommand["def"]): Node[] {
    const column = def?.ColumnDef as { constraints?: { Constraint?: Node }[] } | undefined;
    const constraints = (column?.constraints ?? []).flatMap(({ Constraint }) => (Constraint ? [Constraint] : []));
    const hasValue = constraints.some(({ contype }) => contype === "CONSTR_DEFAULT" || contype === "CONSTR_GENERATED");
    return constraints.filter(({ contype }) => hasValue || contype !== "CONSTR_FOREIGN");
}

/** Where the rows come from that a statement puts into a table. */
function copiedBy({ kind, node }: Tree): RangeVar[] {
    const { withClause, selectStmt, query, into } = node as Record<string, Node | undefined>;
    // `values` have no source.
    if (kind === "InsertStmt") return [...sourcesOf({ withClause }), ...sourcesOf(selectStmt?.SelectStmt as Node)];
    if (kind === "CreateTableAsStmt" && into?.skipData !== true) return sourcesOf(query?.SelectStmt as Node);
    return kind === "SelectStmt" && node.intoClause ? sourcesOf(node) : [];
}

/** What stands after FROM, on both sides of a union, and in common table expressions. */
function sourcesOf(select: Node | undefined): RangeVar[] {
    if (select === undefined) return [];
    const { fromClause, withClause, larg, rarg } = select;
    const own = [...nodesOf({ kind: "", node: { fromClause, withClause } })];
    return [
        ...own.flatMap(({ kind, node }) => (kind === "RangeVar" ? [node as RangeVar] : [])),
        ...sourcesOf(larg as Node | undefined),
        ...sourcesOf(rarg as Node | undefined),
    ];
}

function constraintWork(constraint: Node | undefined): Work["kind"] | undefined {
    const { contype, skip_validation: notValid, indexname } = constraint ?? {};
    if (notValid === true) return undefined;
    if (contype === "CONSTR_CHECK" || contype === "CONSTR_FOREIGN") return "scan";
    const isKey = contype === "CONSTR_PRIMARY" || contype === "CONSTR_UNIQUE" || contype === "CONSTR_EXCLUSION";
    return isKey && indexname === undefined ? "index build" : undefined;
}

/** Names as SQL writes them, of columns or anything else. */
function identifiersIn(definition: string): string[] {
    return definition.replaceAll(/'(?:[^']|'')*'/g, "").match(/"(?:[^"]|"")+"|[a-z_][\w$]*/gi) ?? [];
}

/** Whether values of a domain are looked at that are there: for a constraint that they must satisfy from now on. */
function readsRows({ subtype, def }: Node): boolean {
    const { Constraint: constraint } = (def ?? {}) as { Constraint?: Node };
    return subtype === "O" || subtype === "V" || (subtype === "C" && constraint?.skip_validation !== true);
}

/** Of a new partition. */
function parentOf({ inhRelations }: Node): RangeVar | undefined {
    return (inhRelations as { RangeVar?: RangeVar }[] | undefined)?.[0]?.RangeVar;
}

function attached({ def }: AlterTableCommand): RangeVar | undefined {
    return (def?.PartitionCmd as { name?: RangeVar } | undefined)?.name;
}
