import type { Settings } from "./settings.ts";

/** How soon the server notices that a run was killed while a statement of it runs, in milliseconds. */
export const noticeGoneMs = 1000;

/**
 * Bounds what the runner itself asks the server for, as a select list: its own look at the catalog waits for nobody's lock
 * longer than a migration may. What the login's own bound on a whole transaction ends (`transaction_timeout`, from
 * PostgreSQL 17 on) would never come to its end. And a run whose network has died between two statements lets go of its
 * locks after a minute and a half.
 */
export function bounds({ lockTimeoutMs, statementTimeoutMs }: Settings): string {
    const settings = {
        lock_timeout: lockTimeoutMs,
        statement_timeout: statementTimeoutMs,
        client_connection_check_interval: noticeGoneMs,
        tcp_keepalives_idle: 60,
        tcp_keepalives_interval: 10,
        tcp_keepalives_count: 3,
    };
    const each = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`);
    return `${each.join(", ")},
        case when current_setting('server_version_num')::integer >= 170000 then set_config('transaction_timeout', '0', false) end`;
}

/** Puts a session where it was after the login, whatever a migration set, with the runner's {@link bounds}. SQL. */
export function fresh(settings: Settings): string {
    return `reset role; reset all; discard temp; select ${bounds(settings)}`;
}
