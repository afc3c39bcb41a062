import { refuse } from "./errors.ts";

const declared = /^[a-zA-Z0-9\-+.]+\/([a-zA-Z0-9\-+.]+(;\s*charset=[a-zA-Z0-9-]+)?|\*)$/;
const longest = 1000;

/** Throws when a bucket's list holds something that is not `type/subtype` or `type/*`. */
export function checkAllowedMimeTypes(types: readonly string[]): void {
    for (const type of types) {
        if (type.length > longest || !declared.test(type)) throw refuse.invalidMimeType(type);
    }
}

/**
 * Throws (415) unless the bucket takes `type`. An absent or empty list takes everything, `image/*` every image;
 * parameters (`;charset=utf-8`) and case do not count.
 */
export function checkMimeType(type: string, allowed: readonly string[] | null): void {
    if (allowed === null || allowed.length === 0) return;
    const asked = essence(type);
    const [family] = asked.split("/");
    if (!asked.includes("/")) throw refuse.invalidMimeType(type);
    const taken = allowed.map(essence);
    if (!taken.some(one => one === asked || one === `${family}/*`)) throw refuse.invalidMimeType(type);
}

function essence(type: string): string {
    return (type.split(";")[0] ?? "").trim().toLowerCase();
}
