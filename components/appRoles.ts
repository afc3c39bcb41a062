import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { roleNames } from "../runner/applicationRoles.ts";

/** Where the roles are made, and after what. */
export interface AppRolesArgs {
    readonly provider: postgresql.Provider;
    /** Those of the roles that this stack has made already: taken over where its state does not know them any more. */
    readonly existing: readonly string[];
    /** What must be done before: the claim of the database. */
    readonly after: readonly pulumi.Resource[];
}

/**
 * The two logins of the applications. They are made without a password, so they cannot log in until somebody gives
 * them one with `\password`: no secret passes through the stack.
 */
export class AppRoles extends pulumi.ComponentResource {
    constructor(name: string, { provider, existing, after }: AppRolesArgs, opts: pulumi.ComponentResourceOptions = {}) {
        super("simulation-db:database:AppRoles", name, {}, opts);
        let previous = after;
        for (const role of roleNames) {
            // One after the other: both change the same shared catalog.
            const made = new postgresql.Role(
                `${name}-${role}`,
                { name: role, login: true, inherit: true },
                {
                    parent: this,
                    provider,
                    dependsOn: [...previous],
                    ...(existing.includes(role) ? { import: role } : {}),
                },
            );
            previous = [made];
        }
        this.registerOutputs({ names: roleNames });
    }
}
