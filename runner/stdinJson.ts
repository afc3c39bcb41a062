import { text } from "node:stream/consumers";
import { UserError } from "./userError.ts";

/**
 * What comes on stdin as a JSON object.
 *
 * @param keys those that it must have
 * @param instead what a person does who has none
 * @throws UserError when it is something else
 */
export async function readJson<T>(keys: readonly (keyof T & string)[], instead: string): Promise<T> {
    const missing = `it is no object with ${keys.join(", ")}`;
    let why = missing;
    try {
        const given = JSON.parse(await text(process.stdin)) as T | null;
        if (typeof given === "object" && given !== null && keys.every(key => key in given)) return given;
    } catch (error) {
        why = (error as SyntaxError).message;
    }
    throw new UserError(`what came on stdin is not the JSON that is asked for: ${why}`, [instead]);
}
