import * as pulumi from "@pulumi/pulumi";
import { inWords } from "../runner/database/sqlError.ts";
import { explain, UserError } from "../runner/userError.ts";

/** Does the work; a user's mistake, or a database that cannot answer, ends the program in words and without a stack trace. */
export async function orStop<T>(work: () => T | Promise<T>): Promise<T> {
    try {
        return await work();
    } catch (thrown) {
        const error = inWords(thrown);
        if (error instanceof UserError) throw new pulumi.RunError(explain(error));
        throw error;
    }
}
