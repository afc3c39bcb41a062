import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { laterTables, tableGrants } from "../runner/applicationGrants.ts";

/** Where the privileges are given, and after what. */
export interface TableGrantsArgs {
    readonly provider: postgresql.Provider;
    /** Name of the database. */
    readonly database: string;
    /** Owner of the tables that later migrations make. */
    readonly owner: string;
    /** What must exist before: the tables. */
    readonly after: readonly pulumi.Resource[];
}

/**
 * The grants that converge: shown in a preview, given back when removed. What a destroy must restore exactly, such as
 * Supabase's own default privileges, is in the migrations instead.
 */
export class TableGrants extends pulumi.ComponentResource {
    /** The last one of a sequence: whoever comes after it comes after all of them. */
    readonly last: pulumi.Resource;

    constructor(
        name: string,
        { provider, database, owner, after }: TableGrantsArgs,
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:TableGrants", name, {}, opts);
        // In one row: grants on one object that run side by side fail with "tuple concurrently updated".
        let dependsOn: pulumi.Resource[] = [...after];
        const options = () => ({ parent: this, provider, dependsOn, deleteBeforeReplace: true });
        for (const { role, table, privilege, columns } of tableGrants) {
            const grant = new postgresql.Grant(
                `${name}-${role}-${table}-${privilege.toLowerCase()}`,
                {
                    role,
                    database,
                    schema: "public",
                    objectType: columns ? "column" : "table",
                    objects: [table],
                    ...(columns ? { columns: [...columns] } : {}),
                    privileges: [privilege],
                },
                options(),
            );
            dependsOn = [grant];
        }
        // A reader also reads what later phases add; row level security shows it no row until a policy names it.
        this.last = new postgresql.DefaultPrivileges(
            `${name}-${laterTables.role}-later-tables`,
            {
                ...{ role: laterTables.role, owner, database, schema: "public", objectType: "table" },
                privileges: [laterTables.privilege],
            },
            options(),
        );
        this.registerOutputs();
    }
}
