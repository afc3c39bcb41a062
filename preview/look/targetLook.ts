import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { LedgerRow } from "../../runner/ledger/ledger.ts";

export type RelationKind =
    "table" | "partitioned table" | "materialized view" | "foreign table" | "view" | "sequence" | "index";

/** How big a table of the target is; an estimate of its statistics, `rows` -1 when it was never analyzed. */
export interface TableSize {
    readonly kind: RelationKind;
    readonly rows: number;
    /** With its indexes and what is stored beside it (TOAST). */
    readonly bytes: number;
    /** Of its rows alone. */
    readonly heapBytes: number;
}

export interface TargetRole {
    readonly name: string;
    readonly attributes: {
        readonly superuser: boolean;
        readonly inherit: boolean;
        readonly createRole: boolean;
        readonly createDatabase: boolean;
        readonly login: boolean;
        readonly replication: boolean;
        readonly bypassRls: boolean;
        readonly connectionLimit: number;
        /** As text; null: no end. */
        readonly validUntil: string | null;
    };
}

export interface TargetMembership {
    readonly role: string;
    readonly member: string;
    readonly grantor: string;
    readonly admin: boolean;
    /** PostgreSQL 16 and later. */
    readonly inherit: boolean | null;
    readonly set: boolean | null;
}

/** `alter role … set`, `alter database … set` */
export interface TargetSetting {
    /** Null: everybody. */
    readonly role: string | null;
    /** False: in all databases. */
    readonly inThisDatabase: boolean;
    readonly name: string;
    readonly value: string;
}

export interface TargetExtension {
    readonly name: string;
    readonly version: string;
    readonly schema: string;
}

/** The target as one short, read-only session saw it. */
export interface TargetLook {
    /** `<system identifier>/<database name>` */
    readonly identity: string;
    readonly major: number;
    /** `server_version`, for people. */
    readonly serverVersion: string;
    /** The role that runs the migrations, and whether the login of the preview is that role. */
    readonly runsAs: string;
    readonly login: string;
    /** Applied migrations, oldest first; undefined: there is a ledger, and this login may not read it. */
    readonly ledger: readonly LedgerRow[] | undefined;
    readonly catalog: Catalog;
    /** SHA-256 of the catalog. */
    readonly catalogHash: string;
    /** Tables, partitioned tables and materialized views, by `schema.name`. */
    readonly tables: ReadonlyMap<string, TableSize>;
    readonly extensions: readonly TargetExtension[];
    readonly roles: readonly TargetRole[];
    readonly memberships: readonly TargetMembership[];
    readonly settings: readonly TargetSetting[];
    /** The role that initdb made: it owns what nobody else owns. */
    readonly bootstrapRole: string;
    readonly database: {
        readonly name: string;
        readonly owner: string;
        /** Text form of its access list; null: what PostgreSQL gives by itself. */
        readonly acl: string | null;
        readonly comment: string | null;
        readonly connectionLimit: number;
        readonly collation: string;
    };
}
