import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { linkPackages } from "../support/projectCopy.ts";
import { type Printed, Shell } from "./shell.ts";
import { makeTeam } from "./team.ts";
import type { Step } from "./transcript.ts";

/** The story while it happens: a team, and one of it at a shell. */
export interface Telling {
    /** What the page calls `~`. */
    readonly home: string;
    /** Does what a step says. @returns what was printed; undefined when there was nothing to run */
    take(step: Step): Promise<Printed | undefined>;
    /** Ends what runs and removes all of it. */
    end(): Promise<void>;
}

/** Begins it. The caller ends it. */
export async function beginTelling(): Promise<Telling> {
    const team = await makeTeam();
    const shell = new Shell(team.folder, team.environment);
    const here = async () => (await shell.run("pwd")).output.trim();
    return {
        home: team.folder,
        async take(step) {
            const folder = await here();
            if (step.kind === "file") {
                const file = join(folder, step.path);
                await mkdir(dirname(file), { recursive: true });
                await writeFile(file, step.text);
                return undefined;
            }
            const printed = await shell.run(step.command);
            // `npm ci`, without the network.
            const [, clone] = /^(?:cd ~ && )?git clone .* (\S+)$/.exec(step.command) ?? [];
            if (clone !== undefined) await linkPackages(join(await here(), clone));
            return printed;
        },
        async end() {
            await shell.end();
            await team.remove();
        },
    };
}
