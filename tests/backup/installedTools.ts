import { findTools, type PostgresTools } from "../../runner/backup/tools.ts";

/** The client tools of this machine that can dump a server of that version; undefined where there are none. */
export async function installedTools(major: number): Promise<PostgresTools | undefined> {
    return await findTools("server", major, { PATH: process.env.PATH }).catch(() => undefined);
}
