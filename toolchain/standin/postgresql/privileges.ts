import { UserError } from "../../../runner/userError.ts";
import { sameSet } from "./attributes.ts";

/** What may be granted on each type of object. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
    database: ["CREATE", "CONNECT", "TEMPORARY"],
    table: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
    sequence: ["USAGE", "SELECT", "UPDATE"],
    schema: ["CREATE", "USAGE"],
    function: ["EXECUTE"],
    procedure: ["EXECUTE"],
    routine: ["EXECUTE"],
    type: ["USAGE"],
    column: ["SELECT", "INSERT", "UPDATE", "REFERENCES"],
};

/** MAINTAIN is new in this version. */
const MAINTAIN_SINCE = 170000;

/** Throws when a privilege means nothing on that type of object. */
export function checkPrivileges(objectType: string, privileges: readonly string[]): void {
    const allowed = ALLOWED[objectType] ?? [];
    const wrong = privileges.find(privilege => privilege !== "ALL" && !allowed.includes(privilege));
    if (wrong !== undefined) {
        throw new UserError(`${wrong} is not an allowed privilege for object type ${objectType}`, [
            `use ALL or some of ${allowed.join(", ")}`,
        ]);
    }
}

/** Whether what the catalog says is what was wanted; ALL stands for everything that the server (its version number) knows. */
export function arePrivileges(
    objectType: string,
    wanted: readonly string[],
    found: readonly string[],
    serverVersion: number,
): boolean {
    if (sameSet(wanted, found)) return true;
    const all = (ALLOWED[objectType] ?? []).filter(
        privilege => privilege !== "MAINTAIN" || serverVersion >= MAINTAIN_SINCE,
    );
    return wanted.includes("ALL") && sameSet(all, found);
}
