import { bucketDrift } from "../../runner/audit.ts";
import { connect, type Environment } from "../../runner/database/connection.ts";
import { isDenied } from "../../runner/database/sqlError.ts";
import type { ObjectChange } from "../changes/change.ts";

/**
 * What somebody changed in the settings of the stack's bucket; undefined where this login may not look.
 *
 * @param wasMade whether the stack has made it: one that is missing before that was taken away by nobody
 */
export async function readBucketDrift(environment: Environment, wasMade: boolean): Promise<ObjectChange[] | undefined> {
    const client = await connect(environment, "preview");
    try {
        await client.query("set default_transaction_read_only = on");
        const lines = await bucketDrift(client, wasMade);
        if (lines.length === 0) return [];
        const details = lines.map(words => ({ sign: "~" as const, words }));
        return [{ sign: "~", object: "bucket of the datasets", summary: "", details, ddl: [] }];
    } catch (error) {
        if (isDenied(error)) return undefined;
        throw error;
    } finally {
        await client.end().catch(() => {});
    }
}
