import type { PostgresMajor } from "../../local/cluster.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { smallPlan } from "./smallPlan.ts";

/** A target, and the stack `dev` that has applied the small plan there. The caller removes both. */
export async function appliedPlan(major: PostgresMajor): Promise<{ target: StackTarget; project: StackProject }> {
    const target = await stackTarget({ major });
    try {
        const project = await stackProject({ environment: target.environment, sql: smallPlan });
        await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
        await project.must("up", "--yes", "--skip-preview");
        return { target, project };
    } catch (error) {
        await target.stop();
        throw error;
    }
}
