import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { laterTables, tableGrants } from "../runner/applicationGrants.ts";

/** Where the privileges are given, and after what. */
export interface TableGrantsArgs {
    readonly provider: postgresql.Provider;
    /** Name of the database. */
    readonly database: string;
    /** Owner of the tables that migrations make. */
    readonly owner: string;
    /** What must exist before: the roles. */
    readonly after: readonly pulumi.Resource[];
}

/**
 * The grants that converge: shown in a preview, given back when removed. What a destroy must restore exactly, such as
 * Supabase's own default privileges, is in the migrations instead.
 */
export class TableGrants extends pulumi.ComponentResource {
    /**
     * That a reader also reads what is made from now on; row level security shows it no row until a policy names it. Before
     * the migrations: what a table is born with must not hang on whether the first up made it or a later one.
     */
    readonly laterTables: pulumi.Resource;
    readonly #name: string;
    readonly #args: TableGrantsArgs;

    constructor(name: string, args: TableGrantsArgs, opts: pulumi.ComponentResourceOptions = {}) {
        super("simulation-db:database:TableGrants", name, {}, opts);
        this.#name = name;
        this.#args = args;
        const { database, owner, after } = args;
        this.laterTables = new postgresql.DefaultPrivileges(
            `${name}-${laterTables.role}-later-tables`,
            {
                ...{ role: laterTables.role, owner, database, schema: "public", objectType: "table" },
                privileges: [laterTables.privilege],
            },
            this.#after(after),
        );
        this.registerOutputs();
    }

    /**
     * Gives those on single tables.
     *
     * @param after what must exist before: the tables
     * @returns the last one: whoever comes after it comes after all of them
     */
    give(after: readonly pulumi.Resource[]): pulumi.Resource {
        let last = this.laterTables;
        for (const { role, table, privilege, columns } of tableGrants) {
            last = new postgresql.Grant(
                `${this.#name}-${role}-${table}-${privilege.toLowerCase()}`,
                {
                    role,
                    database: this.#args.database,
                    schema: "public",
                    objectType: columns ? "column" : "table",
                    objects: [table],
                    ...(columns ? { columns: [...columns] } : {}),
                    privileges: [privilege],
                },
                // In one row: grants on one object that run side by side fail with "tuple concurrently updated".
                this.#after([...after, last]),
            );
        }
        return last;
    }

    #after(resources: readonly pulumi.Resource[]): pulumi.CustomResourceOptions {
        const { provider } = this.#args;
        return { parent: this, provider, dependsOn: [...resources], deleteBeforeReplace: true };
    }
}
