import type { Settings } from "./settings.ts";

/** How soon the server notices that a run was killed while a statement of it runs, in milliseconds. */
export const noticeGoneMs = 1000;

/**
 * Puts a session where it was after the login, whatever a migration set, and bounds what the runner itself asks the
 * server for: its own look at the catalog waits for nobody's lock longer than a migration may. SQL.
 */
export function fresh({ lockTimeoutMs, statementTimeoutMs }: Settings): string {
    return `
        reset role; reset all; discard temp;
        set lock_timeout = ${lockTimeoutMs}; set statement_timeout = ${statementTimeoutMs};
        set client_connection_check_interval = ${noticeGoneMs}`;
}
