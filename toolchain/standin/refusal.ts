import { isProduction } from "../../configKeys.ts";
import { isLoopback } from "../../runner/database/loopback.ts";
import { UserError } from "../../runner/userError.ts";
import { holdsUnknown } from "./values.ts";

/** The plugin that a stand-in stands in for. */
export interface Official {
    readonly name: string;
    readonly version: string;
}

/** An error that names the stand-in and says how to get the plugin that can do more. */
export function refusal(official: Official, what: string): UserError {
    return new UserError(`The stand-in for Pulumi's "${official.name}" plugin ${what}.`, [
        `install the official plugin where downloads are open: pulumi plugin install resource ${official.name} ${official.version}`,
        `or unpack its release archive into $PULUMI_HOME/plugins/resource-${official.name}-v${official.version}/`,
    ]);
}

/**
 * Refuses what only an official plugin may touch: a guarded stack, or a host that is not this machine.
 * A host that is missing or not yet known passes: nothing says that anything remote is meant.
 */
export function refuseRemote(official: Official, urn: string, hosts: Readonly<Record<string, unknown>>): void {
    const stack = stackOf(urn);
    if (isGuarded(stack) && !(isTest() && Object.values(hosts).some(isNamed))) {
        throw refusal(official, `does not work on stack ${stack}`);
    }
    for (const [source, host] of Object.entries(hosts)) {
        if (isNamed(host) && !isThisMachine(host)) {
            throw refusal(official, `works on this machine only, and ${source} is ${host}`);
        }
    }
}

/** The stacks that only ever run with the official plugins: also `prod-eu` and `staging-2`. */
function isGuarded(stack: string): boolean {
    return isProduction(stack) || stack.startsWith("staging");
}

/** Whether a test of this project has staging and prod on this machine: toolchain/environment.ts, standInsServe. */
function isTest(): boolean {
    return process.env.SIMULATION_DB_STAND_INS === "loopback";
}

function isNamed(host: unknown): host is string {
    return typeof host === "string" && host !== "" && !holdsUnknown(host);
}

/** A name, address or socket folder (libpq's list form included) that can only mean this machine. */
export function isThisMachine(hosts: string): boolean {
    return hosts
        .split(",")
        .map(host => host.trim().toLowerCase())
        .every(host => host === "" || host.startsWith("/") || isLoopback(host));
}

function stackOf(urn: string): string {
    return urn.split("::")[0]?.split(":")[2] ?? "";
}
