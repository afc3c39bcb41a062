import { draftMark, isUnread } from "../../runner/migration/draft.ts";
import { fileName } from "../../runner/migration/migration.ts";
import type { Finding } from "./finding.ts";
import type { Scene } from "./scene.ts";

/**
 * Files that were proposed, or begun, and that nobody has read since. Shown everywhere; it stops where only what is proven
 * may run: a trial shows that down restores the catalog, not that it is what people want.
 */
export function unreadFindings({ migration, trial }: Pick<Scene, "migration" | "trial">): Finding[] {
    const files = trial.part === "up" ? (["up", "down", "verify"] as const) : (["down"] as const);
    return files
        .filter(part => isUnread(migration[part]))
        .map(part => ({
            code: "not-read",
            level: "unverified",
            object: fileName(migration, part),
            place: { file: fileName(migration, part), line: 1 },
            words: `nobody has read it: its first line still begins with "${draftMark.trim()}"; read it, and write that line anew`,
            stops: false,
        }));
}
