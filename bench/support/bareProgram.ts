import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineEnvironment, StackProject } from "../../tests/support/stackProject.ts";
import { root } from "./node.ts";

/** What a bare program declares. */
export interface BareResources {
    readonly count: number;
    /** Bytes of stdin of each, which the engine keeps twice in its state; 0: none. */
    readonly stdinBytes?: number;
}

/**
 * A Pulumi program that does nothing of its own: so many `local.Command` that run `true`, each after the one before it
 * as migrations are, with the engine, the plugins and the settings that the stack gets. What it costs is the engine's.
 */
export interface BareProgram {
    /** Runs the engine: `project.must("preview")`; its environment and time limit may be changed. */
    readonly project: StackProject;
    /** How many resources it declares from now on. */
    declare(resources: BareResources): Promise<void>;
    remove(): Promise<void>;
}

/**
 * The stack does without the stack trace that Pulumi's SDK makes for each resource; for a bare program that does so too,
 * whose defaults are Pulumi's.
 */
export const withoutTraces = { NODE_OPTIONS: "--stack-trace-limit=0" } as const;

/** Constant text, so that a change of the number is all that changes. */
const program = `
import { readFile } from "node:fs/promises";
import { local } from "@pulumi/command";

const { count, stdinBytes } = JSON.parse(await readFile("resources.json", "utf8"));
const stdin = "x".repeat(stdinBytes);
let previous;
for (let number = 1; number <= count; number += 1) {
    previous = new local.Command(
        "bare-" + String(number).padStart(4, "0"),
        { create: "true", update: "true", delete: "true", ...(stdin ? { stdin } : {}) },
        previous ? { dependsOn: [previous] } : {},
    );
}
`;

/**
 * Makes a bare program with an empty stack, and lets the engine preview it once, so that no run pays for what is done
 * once per machine. The caller removes it, without a destroy: its resources are nothing.
 */
export async function bareProgram(resources: BareResources): Promise<BareProgram> {
    const home = await mkdtemp(join(tmpdir(), "simulation-db-bare-"));
    const remove = () => rm(home, { recursive: true, force: true });
    try {
        for (const folder of ["state", "tmp", "project"]) await mkdir(join(home, folder));
        await symlink(join(root, "node_modules"), join(home, "project", "node_modules"));
        const project = new StackProject(home, await engineEnvironment(home), {});
        const declare = ({ count, stdinBytes = 0 }: BareResources) =>
            project.write({ "resources.json": JSON.stringify({ count, stdinBytes }) });
        await project.write({
            "Pulumi.yaml": JSON.stringify({
                name: "bare",
                main: "index.js",
                runtime: { name: "nodejs", options: { typescript: false } },
            }),
            "package.json": JSON.stringify({ type: "module" }),
            "index.js": program,
        });
        await declare(resources);
        await project.newStack("bare", {});
        await project.must("preview");
        return { project, declare, remove };
    } catch (error) {
        await remove();
        throw error;
    }
}
