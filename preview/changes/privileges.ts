/** What a grantee may do, as a row `grants on … to …` of the catalog says it. */
export function privilegesOf(definition: string | null | undefined): string[] {
    if (!definition) return [];
    return [...new Set(definition.split(", ").map(entry => entry.replace(/ by .*$/, "").toLowerCase()))].sort();
}

/** What the second has and the first has not. */
export function gained(before: string | null | undefined, after: string | null | undefined): string[] {
    const had = privilegesOf(before);
    return privilegesOf(after).filter(privilege => !had.includes(privilege));
}

const onRows = ["delete", "insert", "references", "select", "trigger", "truncate", "update"];

/** `select, insert` or, when it is everything that a table knows, `do everything`. */
export function inWords(privileges: readonly string[]): string {
    if (onRows.every(one => privileges.includes(one))) return "do everything";
    return privileges.map(one => one.replace(/^\w+/, word => verbs[word] ?? word)).join(", ");
}

/** Where the name of a privilege is no verb. */
const verbs: Readonly<Record<string, string>> = {
    usage: "use it",
    create: "create in it",
    references: "refer to it",
    trigger: "add triggers",
    maintain: "maintain it",
    temporary: "make temporary tables",
};
