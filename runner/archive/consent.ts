import { createInterface } from "node:readline/promises";
import { UserError } from "../userError.ts";

/** Where the question goes, and the answer comes from. */
export interface Dialog {
    readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
    readonly output: NodeJS.WritableStream;
}

/** Asks a person who sits at a terminal. @throws UserError when the answer is not yes, or nobody can be asked */
export async function requireConsent(question: string, { input, output }: Dialog): Promise<void> {
    if (!input.isTTY) {
        throw new UserError("nobody can be asked here, so nothing was deleted.", [
            "add --yes to delete without asking",
        ]);
    }
    const dialog = createInterface({ input, output });
    try {
        // An input that ends answers nothing.
        const ended = new Promise<string>(resolve => dialog.once("close", () => resolve("")));
        if (/^y(es)?$/i.test((await Promise.race([dialog.question(question), ended])).trim())) return;
    } finally {
        dialog.close();
    }
    throw new UserError("nothing was deleted.");
}
