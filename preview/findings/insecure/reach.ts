import { allowedBy } from "../../changes/privileges.ts";
import type { Catalog } from "../../../runner/catalog/catalog.ts";

/** Whom everybody on the internet is: anon has the public key, and PUBLIC includes anon. */
export const everybody = ["anon", "public"];

/**
 * Whether everybody could name what is in a schema: the API shows it, or they may use it. Of what they cannot name, a
 * privilege is for policies and constraints that name it.
 *
 * @param schema without quotes
 */
export function isInReach(schema: string, catalog: Catalog, exposed: ReadonlySet<string>): boolean {
    const isPlain = /^[a-z_][a-z0-9_]*$/.test(schema);
    const mayUse = (role: string) => allowedBy(catalog.get(`grants on schema ${schema} to ${role}`)).includes("usage");
    return !isPlain || exposed.has(schema) || everybody.some(mayUse);
}
