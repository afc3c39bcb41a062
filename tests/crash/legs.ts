import type { Leg } from "./sweep.ts";

/** One migration of the plan up, as the stack does it. */
export function up(version: string): Leg {
    return { command: "migrate up --stdin", stdin: version, does: [`up ${version}`] };
}

/** One migration of the plan down, as the stack does it. */
export function down(version: string): Leg {
    return { command: "migrate down --stdin", stdin: version, does: [`down ${version}`] };
}

/** The texts of one that is applied, as the stack does it. */
export function record(version: string, isMended: boolean): Leg {
    return { command: "migrate record --stdin", stdin: version, isMended, does: [`record ${version}`] };
}

/** All of the plan, as a person does it in a shell. */
export const upAll: Leg = { command: "migrate up", does: ["up 0001", "up 0002", "up 0003"] };
export const downAll: Leg = { command: "migrate down --to 0000", does: ["down 0003", "down 0002", "down 0001"] };
