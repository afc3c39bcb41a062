import { UserError } from "../runner/userError.ts";

/** What a type is made of, by its key in the catalog, and its schema. */
const typed =
    /^(?:table|partitioned table|foreign table|view|materialized view|column|function|type|composite type) (?:"((?:[^"]|"")+)"|(\w+))\./;

/**
 * Looks whether a shadow has all that the types of these schemas are made of: what is not there would be left out silently.
 *
 * @param lacks keys of the target's catalog that the shadow has not
 * @throws UserError that names what is missing
 */
export function requireWhole(lacks: readonly string[], schemas: readonly string[]): void {
    const wanted = lacks.filter(key => {
        const [, quoted, plain = ""] = typed.exec(key) ?? [];
        return schemas.includes(quoted?.replaceAll('""', '"') ?? plain);
    });
    if (wanted.length === 0) return;
    // A table takes its columns with it.
    const whole = wanted.filter(key => !key.startsWith("column "));
    const names = whole.length > 0 ? whole : wanted;
    const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
    throw new UserError(
        `there are no types: the shadow lacks ${names.slice(0, 5).join(", ")}${more}, which the target has.`,
        ["give it a shadow that has what it takes: SIMULATION_DB_SHADOW_URL"],
    );
}
