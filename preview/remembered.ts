import * as pulumi from "@pulumi/pulumi";
import type { DatabaseIdentity } from "../runner/database/identity.ts";

/** What the stack's own state says of its last run: the outputs of index.ts. */
export interface Remembered {
    readonly database?: DatabaseIdentity;
    /** Version; those before it are applied as well. */
    readonly newestMigration?: string;
    /** Version of the last migration of the squash; empty when there is none. */
    readonly squashThrough?: string;
    /** Whether a rollback keeps the rows that it removes: the engine rolls back with what its state has of a step. */
    readonly archive?: boolean;
    /** Whether the engine refuses to delete the resources. */
    readonly protect?: boolean;
}

/**
 * Reads the outputs that this stack had after its last run; none before the first one. A resource hook could compare
 * as well, but older language hosts do not pass hooks on.
 */
export async function readRemembered(): Promise<Remembered> {
    const name = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
    const state = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name }, {})) as {
        outputs?: Remembered;
    };
    return state.outputs ?? {};
}
