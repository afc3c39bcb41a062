import type { Environment } from "./connection.ts";
import { UserError } from "../userError.ts";

/** How patient the runner is, and for whom it works. All times in milliseconds. */
export interface Settings {
    /** How long one statement may wait for a lock: as long as a waiting DDL statement may stop those behind it. */
    readonly lockTimeoutMs: number;
    /** How long one statement of a transaction may run. */
    readonly statementTimeoutMs: number;
    /** How long a migration is tried again after lock timeouts, deadlocks and serialization failures. */
    readonly retryForMs: number;
    /** How long to wait for another run of this tool on the same database. */
    readonly waitForRunMs: number;
    /** Whether a rollback keeps the rows that it removes; off for data that may not be kept. */
    readonly archive: boolean;
    /** Name of the stack, for the ledger. */
    readonly stack: string;
}

/** Environment variable and default of each number; stacks set them from their config. */
const numbers = {
    lockTimeoutMs: ["SIMULATION_DB_LOCK_TIMEOUT_MS", 300],
    statementTimeoutMs: ["SIMULATION_DB_STATEMENT_TIMEOUT_MS", 900_000],
    retryForMs: ["SIMULATION_DB_RETRY_FOR_MS", 120_000],
    waitForRunMs: ["SIMULATION_DB_WAIT_FOR_RUN_MS", 60_000],
} as const;

/**
 * A step below a setting: the engine undoes with what its state has of a step, and only an up puts another value there,
 * where it does not run the migration again.
 */
export const recordedByUp =
    "a destroy or a rollback goes by what the last npm run up recorded: run that again first, with the sql folder as it was then";

/** The stack's name in the ledger. As for libpq, a variable that is empty is one that is not set. */
export function stackOf(environment: Environment): string {
    return environment.SIMULATION_DB_STACK || "shell";
}

/** Without organization and project, as in the name of its file. */
export function shortName(stack: string): string {
    return stack.slice(stack.lastIndexOf("/") + 1);
}

/** @throws UserError for a value that is no whole number of milliseconds, a timeout of none, or an archive neither on nor off */
export function readSettings(environment: Environment): Settings {
    const read = ([name, otherwise]: readonly [string, number]) => {
        const text = environment[name];
        if (text === undefined || text === "") return otherwise;
        if (!/^\d{1,9}$/.test(text)) {
            throw new UserError(`${name} is ${JSON.stringify(text)}: expected whole milliseconds.`);
        }
        return Number(text);
    };
    // For PostgreSQL it means: without end.
    const readTimeout = (number: readonly [string, number]) => {
        const milliseconds = read(number);
        if (milliseconds === 0) throw new UserError(`${number[0]} is 0: a statement has to end some time.`);
        return milliseconds;
    };
    const archive = environment.SIMULATION_DB_ARCHIVE || "on";
    if (!["on", "off"].includes(archive)) {
        throw new UserError(`SIMULATION_DB_ARCHIVE is ${JSON.stringify(archive)}: expected on or off.`);
    }
    return {
        lockTimeoutMs: readTimeout(numbers.lockTimeoutMs),
        statementTimeoutMs: readTimeout(numbers.statementTimeoutMs),
        retryForMs: read(numbers.retryForMs),
        waitForRunMs: read(numbers.waitForRunMs),
        archive: archive === "on",
        stack: stackOf(environment),
    };
}
