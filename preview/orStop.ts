import * as pulumi from "@pulumi/pulumi";
import { explain, UserError } from "../runner/userError.ts";

/** Does the work; a user's mistake ends the program with its own words and no stack trace. */
export async function orStop<T>(work: () => T | Promise<T>): Promise<T> {
    try {
        return await work();
    } catch (error) {
        if (error instanceof UserError) throw new pulumi.RunError(explain(error));
        throw error;
    }
}
