import type { BaselineShape } from "../../local/baseline.ts";
import type { PostgresMajor } from "../../local/cluster.ts";
import type { FindingSettings } from "../../preview/findings/scene.ts";
import type { GateSettings } from "../../preview/gates.ts";
import type { Environment } from "../../runner/database/connection.ts";

/** What a stack's file says of checks; `toolchain/` reads it and hands it on as JSON. */
export interface CheckSettings {
    readonly major: PostgresMajor;
    readonly shape: BaselineShape;
    readonly review: FindingSettings & GateSettings;
}

const defaults: CheckSettings = {
    major: 15,
    shape: { defaultPrivileges: "open", simulationRuns: "bare" },
    review: {
        gates: "default",
        maxLockMs: 2000,
        exposedSchemas: ["graphql_public"],
        requireVerified: false,
        drift: "warn",
    },
};

/** Those of the stack, or the defaults of Pulumi.yaml where the command was started without the toolchain. */
export function readCheckSettings({ SIMULATION_DB_CHECK_SETTINGS: given }: Environment): CheckSettings {
    return given ? (JSON.parse(given) as CheckSettings) : defaults;
}
