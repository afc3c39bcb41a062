import type { Environment } from "../../runner/database/connection.ts";
import { type Session, withSession } from "../../runner/database/session.ts";

/** The runner's session, kept open over several tests. */
export interface HeldSession {
    readonly session: Session;
    close(): Promise<void>;
}

/** Opens one, with the lock of the database. The caller closes it. */
export async function holdSession(environment: Environment): Promise<HeldSession> {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: opened, resolve: open, reject: fail } = Promise.withResolvers<Session>();
    const ended = withSession(environment, "test", async session => {
        open(session);
        await released;
    });
    ended.catch(fail);
    const session = await opened;
    return {
        session,
        async close() {
            release();
            await ended;
        },
    };
}
