import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { RelationKind } from "../look/targetLook.ts";
import type { Advice } from "./advisors.ts";

/** Where something happened: a statement of a file. */
export interface Place {
    /** As a person finds it: `sql/0002_datasets/up.sql` */
    readonly file: string;
    /** Of the statement's first character, or of the spot PostgreSQL points at; counted from 1. */
    readonly line: number;
    /** Its text without leading comments and semicolon; empty where no statement is to blame (a commit that fails). */
    readonly statement: string;
}

/** Table-level locks, weakest first (PostgreSQL documentation, 13.3.1 "Table-Level Locks"). */
export const lockModes = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
] as const;
export type LockMode = (typeof lockModes)[number];

/** A relation of the target, named `schema.name` with quotes where SQL wants them. */
export interface ObservedLock {
    readonly relation: string;
    readonly kind: RelationKind;
    readonly mode: LockMode;
    /** The table that an index belongs to; undefined for other kinds. */
    readonly table?: string;
}

export interface Lost {
    readonly kind: "table" | "column";
    /** `schema.table` or `schema.table.column`, by the name it had before the statement. */
    readonly name: string;
}

export interface Renamed {
    readonly kind: "table" | "column";
    readonly from: string;
    readonly to: string;
}

/** What one statement did on the shadow. Everything in it was observed there; nothing is guessed from its text. */
export interface StatementObservation {
    readonly place: Place;
    /**
     * Node name of PostgreSQL's parser, for example `AlterTableStmt`. "archive" for what the runner itself does before a
     * down: it locks the tables whose rows it keeps against writes.
     */
    readonly kind: string;
    /**
     * Acquired or strengthened by this statement, the strongest mode for each relation, on relations that the target has
     * now. Held from here to the end of the file's transaction. An index's own locks come as well.
     */
    readonly locks: readonly ObservedLock[];
    /**
     * Tables and materialized views of the target whose rows now live in another file: rewritten, refreshed or truncated.
     * Which of these it was, `truncated` and the statement's kind say.
     */
    readonly rewritten: readonly string[];
    /** Those of `rewritten` that were emptied, also by a DO block or a function. */
    readonly truncated: readonly string[];
    /**
     * Tables and materialized views of the target with an index in a file that is new, also one that PostgreSQL builds by
     * itself. What is rewritten or truncated gets all of its indexes anew.
     */
    readonly indexed: readonly string[];
    /** Of the target, and gone by identity: also when something of the same name is there afterwards. */
    readonly lost: readonly Lost[];
    readonly renamed: readonly Renamed[];
    /**
     * What ran inside a DO block, a function or a trigger, as the server saw it, constants replaced by $1, $2, …; on the
     * empty tables of a shadow, so what depends on rows may be missing. Undefined where the server does not tell.
     */
    readonly inner?: readonly string[];
    /** False: ran on its own and not in the file's transaction (`transaction: none`), so locks and files are not known. */
    readonly observed: boolean;
}

/** Why a file did not run to its end. */
export interface Failure {
    readonly place: Place;
    readonly message: string;
    readonly detail?: string;
    readonly hint?: string;
    /** SQLSTATE; empty when the server said none. */
    readonly code: string;
    /**
     * "migration": PostgreSQL refuses it, and would on the target. "shadow": only the shadow does, for example because an
     * extension is not there; then nothing is proven, neither good nor bad.
     * "time": it was cancelled because it took too long there, which proves as little.
     */
    readonly cause: "migration" | "shadow" | "time";
}

/** What down would bring back, measured against the catalog before up. */
export interface Reversal {
    readonly verdict:
        | "restored"
        /** What differs is declared by `-- not-restored:`, and all of it is places of columns within their tables. */
        | "restored except column order"
        /** What differs is declared by `-- not-restored:`. */
        | "restored except what is declared"
        /** Something differs that is not declared: the rollback would be refused and taken back. */
        | "differs"
        /** By directive, and there is no down to try. */
        | "declared irreversible"
        | "not tried";
    /** Keys of the catalog, with what was expected and what was found; null: is not there. Declared ones are left out. */
    readonly differs: readonly {
        readonly key: string;
        readonly expected: string | null;
        readonly actual: string | null;
    }[];
    /** Keys that differ as `-- not-restored:` declares. */
    readonly declared: readonly string[];
    /** Why it was not tried, or how it failed. */
    readonly failure?: Failure;
    /** What ran; empty when it was not tried. Relations made by up count as existing here. */
    readonly statements: readonly StatementObservation[];
}

/** What a rollback would keep in the archive before its rows go. */
export interface Archived {
    /** `schema.table` */
    readonly table: string;
    readonly columns: "all" | readonly string[];
    /** Only the rows that this condition (SQL) finds, as `-- archive-rows:` says. */
    readonly where?: string;
}

/** One file of one migration, run on the shadow. */
export interface Trial {
    readonly version: string;
    readonly slug: string;
    readonly part: "up" | "down";
    readonly statements: readonly StatementObservation[];
    readonly before: Catalog;
    /** The same as before when it failed. */
    readonly after: Catalog;
    readonly failure?: Failure;
    /** Of an up: whether its down brings the catalog back. Of a down: whether it did. */
    readonly reversal?: Reversal;
    /** What a rollback of this migration would archive. */
    readonly archives: readonly Archived[];
    /** What Supabase's advisors find after it and did not before. */
    readonly advice?: readonly Advice[];
}

/** How far the predictions can be believed. */
export interface Proof {
    readonly level: "your shadow" | "embedded shadow" | "static" | "not needed";
    readonly verified: boolean;
    /**
     * One line, as printed: "verified on a shadow of PostgreSQL 15, catalog copied by pg_dump" or
     * "NOT VERIFIED AGAINST A DATABASE: why"
     */
    readonly words: string;
    /** Where the shadow is known to differ from the target; one sentence each. */
    readonly notes: readonly string[];
}
