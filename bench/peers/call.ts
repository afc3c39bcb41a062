import { join } from "node:path";
import { runNode } from "../support/node.ts";

/** Runs one of the files of calls/, which says how long its call took. @returns milliseconds */
export async function timedCall(file: string, folder: string, env: Readonly<Record<string, string>>): Promise<number> {
    const { stderr } = await runNode([join(import.meta.dirname, "calls", file)], { cwd: folder, env });
    const took = /^took ([\d.]+)$/m.exec(stderr)?.[1];
    if (took === undefined) throw new Error(`${file} did not say how long it took:\n${stderr}`);
    return Number(took);
}
