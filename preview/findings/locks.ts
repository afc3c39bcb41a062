import {
    lockModes,
    type LockMode,
    type ObservedLock,
    type Place,
    type StatementObservation,
} from "../trial/observation.ts";
import type { TableSize } from "../look/targetLook.ts";
import type { Scene } from "./scene.ts";
import { type Work, workOf } from "./work.ts";

/** The strongest lock that a migration holds on one relation of the target, and for about how long. */
export interface HeldLock {
    readonly relation: string;
    readonly kind: string;
    readonly mode: LockMode;
    readonly stops: "reads and writes" | "writes" | "nothing";
    /** The statement that takes it. */
    readonly place: Place;
    /** From there to the end of the transaction, by estimate, in milliseconds. */
    readonly heldMs: number;
    /** What takes so long meanwhile, on this relation and on others. */
    readonly work: readonly (Work & { readonly place: Place })[];
    readonly size?: TableSize;
    /** A weaker lock that stopped writes before this one stopped reads too; its `work` is what came in between. */
    readonly earlier?: HeldLock;
}

/** What every statement takes, however small, in milliseconds: a round trip and the change of the catalog. */
const leastMs = 2;

/**
 * Locks that a migration takes on relations of the target, the longest held first. They are kept until its transaction
 * ends, so whatever runs after the first strong lock adds to the time that traffic waits.
 */
export function heldLocks(scene: Scene): HeldLock[] {
    const { acts, look } = scene;
    const works = acts.map(act => workOf(act, scene).map(work => ({ ...work, place: act.observation.place })));
    const held = new Map<string, HeldLock>();
    for (const [index, { observation }] of acts.entries()) {
        for (const { relation, kind, mode } of locksOnTables(observation, scene)) {
            if (kind === "sequence" || !isOnTarget(relation, kind, look)) continue;
            const before = held.get(relation);
            if (before && strength(before.mode) >= strength(mode)) continue;
            const later = works.slice(index).flat();
            const stronger: HeldLock = {
                relation,
                kind,
                mode,
                stops: stoppedBy(mode),
                place: observation.place,
                heldMs: later.reduce((sum, { ms }) => sum + ms, leastMs * (acts.length - index)),
                work: later,
                ...(look.tables.has(relation) ? { size: look.tables.get(relation) as TableSize } : {}),
            };
            // A weaker lock that stopped writes already was held for longer.
            const isLonger = before !== undefined && before.stops === stronger.stops;
            if (before && !isLonger && before.stops !== "nothing") {
                const between = before.work.filter(work => !later.includes(work));
                held.set(relation, { ...stronger, earlier: { ...before, work: between } });
                continue;
            }
            held.set(
                relation,
                isLonger ? { ...stronger, heldMs: before.heldMs, work: before.work, place: before.place } : stronger,
            );
        }
    }
    return [...held.values()].sort(
        (one, other) =>
            strength(other.mode) - strength(one.mode) ||
            other.heldMs - one.heldMs ||
            (other.size?.bytes ?? 0) - (one.size?.bytes ?? 0),
    );
}

/**
 * The strongest lock on each table, by the target's name. Whoever plans a query looks at all indexes of its tables, so who locks an index against
 * that, as REINDEX does, keeps reads of the table away (PostgreSQL documentation, REINDEX).
 */
function locksOnTables(observation: StatementObservation, { look, targetName }: Scene): ObservedLock[] {
    const strongest = new Map<string, ObservedLock>();
    for (const { table, ...lock } of observation.locks) {
        if (lock.kind === "index" && lock.mode !== "AccessExclusiveLock") continue;
        const named = lock.kind === "index" ? table : lock.relation;
        if (named === undefined) continue;
        const relation = targetName(named, observation);
        const kind = lock.kind === "index" ? (look.tables.get(relation)?.kind ?? "table") : lock.kind;
        const before = strongest.get(relation);
        if (before === undefined || strength(before.mode) < strength(lock.mode))
            strongest.set(relation, { ...lock, relation, kind });
    }
    return [...strongest.values()];
}

/** A shadow may have things of its own. */
function isOnTarget(relation: string, kind: string, { catalog }: Scene["look"]): boolean {
    return catalog.has(`${kind} ${relation}`);
}

function strength(mode: LockMode): number {
    return lockModes.indexOf(mode);
}

/** PostgreSQL documentation, table 13.2 "Conflicting Lock Modes". */
export function stoppedBy(mode: LockMode): HeldLock["stops"] {
    if (mode === "AccessExclusiveLock") return "reads and writes";
    return ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock"].includes(mode) ? "writes" : "nothing";
}

/** `ACCESS EXCLUSIVE`, as PostgreSQL's documentation writes it. */
export function modeInWords(mode: LockMode): string {
    return mode
        .replace(/Lock$/, "")
        .replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ")
        .toUpperCase();
}

/** `a moment`, `about 3.4 s`, `about 12 min`; below a quarter of a second it is not worth a figure. */
export function duration(ms: number): string {
    if (ms < 250) return "a moment";
    if (ms < 10_000) return `about ${(ms / 1000).toFixed(1)} s`;
    if (ms < 120_000) return `about ${Math.round(ms / 1000)} s`;
    return ms < 7_200_000 ? `about ${Math.round(ms / 60_000)} min` : `about ${Math.round(ms / 3_600_000)} h`;
}
