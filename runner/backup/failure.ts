import pg from "pg";
import { advice, connectionLost, moreTimeForStep } from "../database/sqlError.ts";
import { UserError } from "../userError.ts";

/** What a person can mend: what PostgreSQL or the file system said; undefined for a defect of ours. */
export function reasonOf(error: unknown): UserError | undefined {
    if (error instanceof UserError) return error;
    if (error instanceof pg.DatabaseError && error.code === "55P03") {
        return new UserError("the backup could not be made: somebody kept a table locked for too long.", [
            "see who: select pid, usename, state, xact_start, query from pg_stat_activity order by xact_start",
            "run the same command again when that transaction has ended",
        ]);
    }
    if (error instanceof pg.DatabaseError || connectionLost(error)) {
        const steps = advice(error as Error, moreTimeForStep);
        return new UserError(
            `the backup could not be made: ${(error as Error).message}`,
            steps.length > 0 ? steps : ["see to what PostgreSQL says, then run the same command again"],
        );
    }
    const { code, syscall, path } = error as NodeJS.ErrnoException;
    if (!code || !syscall) return undefined;
    return new UserError(`the backup could not be written: ${code}${path ? ` ${path}` : ""}`, [
        "check the folder and the space there: backupFolder in the stack's config",
    ]);
}
