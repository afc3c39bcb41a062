import type pg from "pg";
import type { Proof } from "../trial/observation.ts";
import type { Platform } from "./platform.ts";

/** A throw-away database with the target's catalog in it, and no row of it. */
export interface Shadow extends Platform {
    /** Logged in as the role that runs the migrations on the target. */
    readonly client: pg.Client;
    /** As its superuser; for what the role itself may not see. */
    readonly admin: pg.Client;
    /** A superuser's session in another database of the same server, where pg_stat_statements is; not on every server. */
    readonly watcher?: pg.Client;
    readonly database: string;
    readonly proof: Omit<Proof, "verified" | "words">;
    /** "PostgreSQL 15, catalog copied by pg_dump" */
    readonly made: string;
    /** Told apart from what migrations do wrong. */
    readonly gaps: Gaps;
    /** Ends it and leaves nothing. */
    end(): Promise<void>;
}

/** What the shadow is known not to have. */
export interface Gaps {
    /** Extensions that are empty stand-ins here. */
    readonly standIns: readonly string[];
    /** Names of what these bring on the target. */
    readonly names: ReadonlySet<string>;
    /** Whether a stand-in's content is not known, because the target itself does not have it yet. */
    readonly unknownContent: boolean;
}

/** What the migrations need of a shadow besides the target's catalog. */
export interface ShadowNeeds {
    /** Roles that the stack makes before its first migration runs. */
    readonly comingRoles: readonly string[];
    /** What will run: an extension that it creates may have to be stood in for. */
    readonly migrationTexts: readonly string[];
}
