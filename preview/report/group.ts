import type { JudgedFinding } from "../gates.ts";

/** Findings of one kind and one fate, said together: whoever reads them does one thing about all of them. */
export interface FindingGroup {
    readonly first: JudgedFinding;
    readonly all: readonly JudgedFinding[];
}

export function grouped(findings: readonly JudgedFinding[]): FindingGroup[] {
    const groups = new Map<string, JudgedFinding[]>();
    for (const finding of findings) {
        const key = [finding.level, finding.code, finding.verdict.gate].join(" ");
        groups.set(key, [...(groups.get(key) ?? []), finding]);
    }
    return [...groups.values()].flatMap(all => (all[0] ? { first: all[0], all } : []));
}
