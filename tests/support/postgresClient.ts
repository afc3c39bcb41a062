import { firstOnPath } from "../../toolchain/commandPath.ts";

/** Whether this machine has PostgreSQL's own programs, which some pages of the documentation use. */
export function hasPostgresClient(): boolean {
    return ["psql", "pg_dump", "pg_restore"].every(name => firstOnPath(name, process.env.PATH ?? "") !== undefined);
}
