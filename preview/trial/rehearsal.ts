import type pg from "pg";
import { inTransaction } from "../../runner/database/transaction.ts";
import { readSettings } from "../../runner/database/settings.ts";
import { type Environment } from "../../runner/database/connection.ts";
import { addRepairToLedger } from "../../runner/ledger/ledger.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";
import { type Look, lookAt, tablesWithRows } from "../look/look.ts";
import { ShadowIsTarget, yourShadow } from "../shadow/own.ts";
import { embeddedShadow } from "../shadow/embedded.ts";
import type { Shadow, ShadowNeeds } from "../shadow/shadow.ts";
import type { TargetLook } from "../look/targetLook.ts";
import { countViolations, type Violation } from "../violations/count.ts";
import { adviceOn } from "./advisors.ts";
import { cacheKey, keep, type Kept, readKept } from "./cache.ts";
import { takeCatalog } from "./catalog.ts";
import { tryDown } from "./down.ts";
import { ranToItsEnd } from "./ended.ts";
import { InnerStatements } from "./inner.ts";
import { statementLimitMs } from "./limit.ts";
import type { Proof, Trial } from "./observation.ts";
import { type Phase, Progress } from "./progress.ts";
import type { Stage } from "./run.ts";
import { readState } from "./state.ts";
import { tryUp } from "./up.ts";

/** The whole of it: what is, what was tried, and what the trial is worth. */
export interface Rehearsal {
    readonly look: TargetLook;
    readonly proof: Proof;
    /** Of the pending migrations, in their order; ends with the first that fails. Empty when nothing could be run. */
    readonly up: readonly Trial[];
    /** Of those to be rolled back, newest first; ends with the first that fails. */
    readonly down: readonly Trial[];
    /** Rows of the target that break what these demand; counted there anew each time. */
    readonly violations?: readonly Violation[];
}

export interface RehearsalOptions {
    /** libpq's variables of the target, the runner's settings, and where the user's own server for shadows is. */
    readonly environment: Environment;
    /** In the order of their application. */
    readonly pending: readonly Migration[];
    /** Newest first. */
    readonly toRollBack: readonly Migration[];
    /** Roles that the stack makes before its first migration runs. */
    readonly stackRoles?: readonly string[];
    /** Where results are kept for the next preview; made when missing. */
    readonly cacheFolder: string;
    /**
     * Looks, as its superuser, at a shadow on which all of it has run. Then there is a shadow even when nothing is pending,
     * and no kept result is used. Not called when something does not run to its end. `lacks`: keys of the target's catalog
     * that the shadow did not have from the beginning.
     */
    readonly inspect?: (shadow: pg.Client, lacks: readonly string[]) => Promise<void>;
    /** How long one statement may run on the shadow, in milliseconds; default: a minute. */
    readonly limitMs?: number;
    /** Told of progress, when it takes longer than a second. */
    readonly say: (line: string) => void;
    /** Told how long each phase took, in milliseconds; for measurements. */
    readonly tookPhase?: (phase: Phase, ms: number) => void;
}

/**
 * Looks at the target and runs on a shadow of it what an update would run. What is to be rolled back goes first.
 *
 * @throws UserError when the target cannot be reached, or is what SIMULATION_DB_SHADOW_URL points at
 */
export async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
    const { environment, pending, toRollBack, inspect } = options;
    const progress = new Progress(options.say, options.tookPhase);
    progress.enter("looking at target");
    const nothingToTry = pending.length === 0 && toRollBack.length === 0 && !inspect;
    const look = await lookAt(environment, { versions: toRollBack.map(({ version }) => version), nothingToTry });
    if (nothingToTry) {
        progress.end();
        const words = "nothing is pending, so nothing had to be tried";
        return { look, proof: { level: "not needed", verified: true, words, notes: [] }, up: [], down: [] };
    }
    const key = await cacheKey(look, { pending, toRollBack, other: otherCircumstances(options) });
    const kept = inspect ? undefined : await readKept(options.cacheFolder, key, look);
    const result = kept ?? (await tryOut(look, key, options, progress));
    progress.enter("counting rows");
    const violations = inspect ? [] : await countFor(environment, look, result);
    progress.end();
    return { look, ...result, violations };
}

/** Runs it on a shadow, and keeps the result. */
async function tryOut(look: Look, key: string, options: RehearsalOptions, progress: Progress): Promise<Kept> {
    const found = await findShadow(look, options, progress);
    if (!("shadow" in found)) return { proof: unverified(found.reasons), up: [], down: [] };
    const { shadow } = found;
    try {
        progress.enter("trying migrations");
        const { up, down, lacks } = await runAll(shadow, look, options);
        const trials = [...down, ...up];
        const result = { proof: proofOf(shadow, trials), up, down };
        if (trials.every(ranToItsEnd)) await options.inspect?.(shadow.admin, lacks);
        // What a shadow could not do this time, it may do the next.
        if (result.proof.verified) await keep(options.cacheFolder, key, look, result);
        return result;
    } finally {
        progress.enter("removing shadow");
        await shadow.end();
    }
}

/** Rows are counted anew each time: they are not what a result is kept by. A rollback that goes first may change any. */
async function countFor(environment: Environment, look: Look, { up, down }: Pick<Rehearsal, "up" | "down">) {
    const before = await countViolations(environment, look, down);
    const violations = await countViolations(environment, look, up);
    return [...before, ...violations.map(each => ({ ...each, settled: each.settled && down.length === 0 }))];
}

/** The user's own server first, then an embedded one; otherwise why there is none. */
async function findShadow(
    look: Look,
    options: RehearsalOptions,
    progress: Progress,
): Promise<{ shadow: Shadow } | { reasons: string[] }> {
    const { environment } = options;
    const { SIMULATION_DB_SHADOW_URL: shadowUrl } = environment;
    const needs = needsOf(options);
    const reasons: string[] = [];
    if (shadowUrl) {
        try {
            return { shadow: await yourShadow(shadowUrl, environment, look, needs, progress) };
        } catch (error) {
            if (error instanceof ShadowIsTarget) throw error;
            reasons.push(`your shadow: ${reasonOf(error)}`);
        }
    }
    try {
        const shadow = await embeddedShadow(environment, look, needs, progress);
        return { shadow: { ...shadow, proof: { ...shadow.proof, notes: [...reasons, ...shadow.proof.notes] } } };
    } catch (error) {
        return { reasons: [...reasons, reasonOf(error)] };
    }
}

/** With what a person can do about it. */
function reasonOf(error: unknown): string {
    const { message } = error as Error;
    return error instanceof UserError && error.next.length > 0 ? `${message} (${error.next.join(" ")})` : message;
}

function needsOf({ stackRoles = [], pending, toRollBack }: RehearsalOptions): ShadowNeeds {
    const texts = [...toRollBack.map(({ down }) => down), ...pending.flatMap(({ up, down }) => [up, down])];
    return { comingRoles: stackRoles, migrationTexts: texts };
}

function otherCircumstances({ environment, stackRoles }: RehearsalOptions): unknown[] {
    const path = environment.PATH ?? process.env.PATH;
    const { SIMULATION_DB_ARCHIVE, SIMULATION_DB_POSTGRES_BIN, SIMULATION_DB_SHADOW_URL } = environment;
    return [SIMULATION_DB_ARCHIVE, SIMULATION_DB_POSTGRES_BIN, path, stackRoles, SIMULATION_DB_SHADOW_URL];
}

async function runAll(
    shadow: Shadow,
    look: Look,
    { environment, pending, toRollBack, limitMs = statementLimitMs }: RehearsalOptions,
): Promise<{ up: Trial[]; down: Trial[]; lacks: string[] }> {
    const { client, watcher } = shadow;
    const session = { client, settings: readSettings(environment) };
    const inner = watcher ? new InnerStatements(watcher, shadow.database) : undefined;
    const withRows = tablesWithRows(look);
    const start = await readState(client);
    const stage: Stage = { shadow, session, start, now: start, inner, withRows, limitMs };
    let catalog = await takeCatalog(stage);
    const copy = catalog;
    const lacks = [...look.catalog.keys()].filter(key => !copy.has(key) && !shadow.isOwn(key));
    const down: Trial[] = [];
    for (const migration of toRollBack) {
        await knowUp(stage, migration);
        const trial = await tryDown(stage, migration, catalog);
        down.push(trial);
        catalog = trial.after;
        if (!ranToItsEnd(trial)) return { up: [], down, lacks };
    }
    const up: Trial[] = [];
    let advice = await adviceOn(client);
    for (const migration of pending) {
        const trial = await tryUp(stage, migration, catalog);
        const known = new Set(advice.map(({ lint, detail }) => `${lint} ${detail}`));
        if (!trial.failure) advice = await adviceOn(client);
        up.push({ ...trial, advice: advice.filter(({ lint, detail }) => !known.has(`${lint} ${detail}`)) });
        catalog = trial.after;
        if (trial.failure) break;
    }
    return { up, down, lacks };
}

/** Where the target's ledger could not be read, what up made is learned from its down, as after a repair. */
async function knowUp({ session: { client, settings } }: Stage, migration: Migration): Promise<void> {
    const { rows } = await client.query<{ known: boolean }>(
        "select undo is not null or repaired as known from simulation_db.migration where version = $1",
        [migration.version],
    );
    if (rows[0]?.known) return;
    if (rows[0]) {
        await client.query("update simulation_db.migration set repaired = true where version = $1", [
            migration.version,
        ]);
    } else {
        const detail = "the ledger of the target could not be read";
        await inTransaction(client, {}, settings, () =>
            addRepairToLedger(client, migration, { stack: settings.stack, detail, say: () => {} }),
        );
    }
}

function proofOf({ proof, made }: Shadow, trials: readonly Trial[]): Proof {
    const gap = trials
        .map(({ failure }) => failure)
        .find(failure => failure !== undefined && failure.cause !== "migration");
    const notes = [...proof.notes, "the shadow has no rows: what code does for each of them was not seen"];
    const on = proof.level === "your shadow" ? "your shadow" : "a shadow";
    if (gap === undefined) return { level: proof.level, verified: true, words: `verified on ${on} of ${made}`, notes };
    const where = `${gap.place.file}:${gap.place.line}`;
    const what = gap.cause === "time" ? where : `the shadow cannot represent ${where}`;
    return {
        level: proof.level,
        verified: false,
        words: `NOT VERIFIED: ${what}: ${gap.message}`,
        notes,
    };
}

function unverified(reasons: readonly string[]): Proof {
    return {
        level: "static",
        verified: false,
        words: `NOT VERIFIED AGAINST A DATABASE: ${reasons.join("; ")}`,
        notes: [],
    };
}
