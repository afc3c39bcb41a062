import pg from "pg";
import type { Migration } from "../../runner/migration/migration.ts";
import { migrationFolder } from "../runner/folder.ts";
import type { Environment } from "../support/copies.ts";
import { clientConfig } from "../support/database.ts";
import { runNode, runnerMain } from "../support/node.ts";

/** Runs `migrate up` or `migrate down`. */
type Migrate = (direction: "up" | "down") => ReturnType<typeof runNode>;

/** Does the work with a folder that holds this migration, and a connection to the database that it is for. */
export async function withMigration<T>(
    migration: Migration,
    environment: Environment,
    work: (migrate: Migrate, client: pg.Client) => Promise<T>,
): Promise<T> {
    const folder = await migrationFolder([migration]);
    const client = new pg.Client(clientConfig(environment));
    await client.connect();
    try {
        return await work(
            direction => runNode([runnerMain, "migrate", direction], { cwd: folder.folder, env: environment }),
            client,
        );
    } finally {
        await client.end();
        await folder.remove();
    }
}
