import type { Environment } from "./database/connection.ts";
import type { DatabaseIdentity } from "./database/identity.ts";

/**
 * The one line that a step prints and the stack's state keeps. The identity ends it: the state thus remembers which
 * database the step was done on.
 */
export function stepLine(did: string, identity: DatabaseIdentity): string {
    return `${did} on ${identity}`;
}

/**
 * The database that a step must find: what the stack's config says, or else what the step printed the last time, which
 * `local.Command` hands back in this variable.
 */
export function expectedIdentity(environment: Environment): DatabaseIdentity | undefined {
    return environment.SIMULATION_DB_IDENTITY || / on (\d+\/.+)$/m.exec(environment.PULUMI_COMMAND_STDOUT ?? "")?.[1];
}
