import type { Environment } from "./database/connection.ts";
import { type Session, withSession } from "./database/session.ts";
import { print } from "./output.ts";
import { stepLine } from "./stackOutput.ts";

/** One run that prints one line. */
export async function printedStep(
    environment: Environment,
    purpose: string,
    work: (session: Session) => Promise<string>,
): Promise<void> {
    await withSession(environment, purpose, async session => {
        print(stepLine(await work(session), session.identity));
    });
}
