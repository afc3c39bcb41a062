/** A policy, as its row of the catalog says it. */
export interface Policy {
    readonly permissive: boolean;
    readonly command: "select" | "insert" | "update" | "delete" | "all";
    readonly roles: readonly string[];
    /** SQL; undefined: no such clause. */
    readonly using?: string;
    readonly check?: string;
}

const commands = { r: "select", a: "insert", w: "update", d: "delete", "*": "all" } as const;

/** Reads the definition of a key `policy … on …`. */
export function readPolicy(definition: string): Policy {
    const match = /^(permissive|restrictive) for ([rawd*])\nto (.*?)(?:\nusing (.*?))?(?:\nwith check (.*))?$/s.exec(
        definition,
    );
    if (!match) throw new Error(`this is no policy of the catalog: ${definition}`);
    const [, kind, command = "*", roles = "", using, check] = match;
    return {
        permissive: kind === "permissive",
        command: commands[command as keyof typeof commands],
        roles: roles.split(", "),
        ...(using === undefined ? {} : { using }),
        ...(check === undefined ? {} : { check }),
    };
}

/** `select to authenticated using (…)`, with `restrictive` before it where it is so. */
export function policyInWords({ permissive, command, roles, using, check }: Policy): string {
    const parts = [permissive ? "" : "restrictive, ", command, " to ", roles.join(", ")];
    if (using !== undefined) parts.push(` using ${clause(using)}`);
    if (check !== undefined && check !== using) parts.push(` with check ${clause(check)}`);
    return parts.join("");
}

/** In parentheses and on one line. */
export function clause(expression: string): string {
    const line = expression.replaceAll(/\s+/g, " ").trim();
    return line.startsWith("(") && line.endsWith(")") ? line : `(${line})`;
}
