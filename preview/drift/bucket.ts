import { bucketDrift } from "../../runner/audit.ts";
import { type Environment, reading } from "../../runner/database/connection.ts";
import { isDenied } from "../../runner/database/sqlError.ts";
import type { ObjectChange } from "../changes/change.ts";

/** What is not as the stack left it. */
export interface BucketDrift {
    readonly changes: readonly ObjectChange[];
    /** Whether it is the bucket itself, which its step puts right; and not only a policy that opens it. */
    readonly strayed: boolean;
}

/**
 * What somebody changed of the stack's bucket; undefined where this login may not look.
 *
 * @param wasMade whether the stack has made it: one that is missing before that was taken away by nobody
 */
export async function readBucketDrift(environment: Environment, wasMade: boolean): Promise<BucketDrift | undefined> {
    try {
        const { settings, openings } = await reading(environment, "preview", client => bucketDrift(client, wasMade));
        const details = [...settings, ...openings].map(words => ({ sign: "~" as const, words }));
        const change = { sign: "~" as const, object: "bucket of the datasets", summary: "", details, ddl: [] };
        return { changes: details.length === 0 ? [] : [change], strayed: settings.length > 0 };
    } catch (error) {
        if (isDenied(error)) return undefined;
        throw error;
    }
}
