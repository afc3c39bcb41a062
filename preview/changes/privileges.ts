/**
 * What a grantee may do, as a row `grants on … to …` of the catalog says it; `select with grant option` where it may also
 * be granted on.
 */
export function privilegesOf(definition: string | null | undefined): string[] {
    if (!definition) return [];
    return [...new Set(definition.split(", ").map(entry => entry.replace(/ by .*$/, "").toLowerCase()))].sort();
}

const option = " with grant option";

/** Without a word on whether it may be granted on. */
export function withoutOption(privilege: string): string {
    return privilege.replace(option, "");
}

/** Whether it may be granted on. */
export function isGrantable(privilege: string): boolean {
    return privilege.endsWith(option);
}

/** What a grantee may do, whether it may be granted on or not. */
export function allowedBy(definition: string | null | undefined): string[] {
    return [...new Set(privilegesOf(definition).map(withoutOption))];
}

/** What the second has and the first has not. Who may grant something on, may do it as well. */
export function gained(before: string | null | undefined, after: string | null | undefined): string[] {
    const had = privilegesOf(before);
    return privilegesOf(after).filter(one => !had.includes(one) && !had.includes(one + option));
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
