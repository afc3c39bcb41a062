import { checkStack } from "../check.ts";
import { connected } from "../database/connection.ts";
import { readMigrations } from "../migration/migrationFolder.ts";
import { print } from "../output.ts";

const environment = process.env;

/** `check`: what an application will do, tried. */
export async function check(): Promise<void> {
    const migrations = await readMigrations("sql");
    await connected(environment, "check", client => checkStack(client, migrations, environment, print));
}
