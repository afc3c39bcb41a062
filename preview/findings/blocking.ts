import { type Finding, placed } from "./finding.ts";
import { liveSize } from "./live.ts";
import { duration, type HeldLock, stoppedBy } from "./locks.ts";
import type { Scene } from "./scene.ts";
import type { Work } from "./work.ts";

const codes = {
    rewrite: "table-rewritten",
    scan: "scan-under-lock",
    "index build": "index-built-under-lock",
    rows: "rows-changed-under-lock",
    copy: "rows-changed-under-lock",
} as const;

/**
 * Tables of the target that traffic cannot use while rows are worked on. Whether it is longer than the stack allows is an
 * estimate from the live sizes; that rows are worked on under a lock is not.
 */
export function blockingFindings(locks: readonly HeldLock[], { look, settings, trial }: Scene): Finding[] {
    const limit = settings.maxLockMs;
    const findings: Finding[] = [];
    for (const lock of locks.flatMap(each => (each.earlier ? [each, each.earlier] : [each]))) {
        if (lock.stops === "nothing") continue;
        const own = lock.work.filter(({ table }) => table === lock.relation);
        // A row that is changed is locked by itself; the table's own lock is not for that.
        const telling = own.filter(({ kind }) => !["rows", "copy"].includes(kind) || lock.heldMs > limit);
        const stops = lock.heldMs > limit;
        const time = `${lock.stops} wait ${duration(lock.heldMs)}`;
        const size = lock.size ? `, ${liveSize(look, lock.relation)}` : "";
        for (const work of onePerKind(telling)) {
            findings.push({
                code: codes[work.kind],
                level: "blocking",
                object: lock.relation,
                ...placed(work.place),
                words: `is ${work.words} under a lock: ${time}${size}`,
                stops,
            });
        }
        if (telling.length === 0 && stops) {
            const [longest] = [...lock.work].sort((one, other) => other.ms - one.ms);
            const during = longest ? ` while ${longest.table} is ${longest.words}` : "";
            findings.push({
                code: "lock-held",
                level: "blocking",
                object: lock.relation,
                ...placed(lock.place),
                words: `${time}${during}${size}`,
                stops: true,
            });
        }
    }
    return [...findings, ...alone(trial)];
}

function onePerKind<T extends Work>(works: readonly T[]): T[] {
    return works.filter((work, index) => works.findIndex(({ kind }) => kind === work.kind) === index);
}

/** Rewrites that were seen without a lock being seen cannot be: but a statement outside of a transaction shows neither. */
function alone({ statements }: Scene["trial"]): Finding[] {
    return statements.flatMap(({ observed, locks, place, rewritten }) =>
        observed || rewritten.length === 0 || locks.some(({ mode }) => stoppedBy(mode) !== "nothing")
            ? []
            : rewritten.map((object): Finding => ({
                  code: "table-rewritten",
                  level: "blocking",
                  object,
                  ...placed(place),
                  words: "is rewritten by a statement of its own; its locks were not observed",
                  stops: false,
              })),
    );
}
