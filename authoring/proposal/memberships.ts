import type { Difference } from "./inverse.ts";

/** Takes and gives what makes the memberships after equal those before. */
export function membershipStatements(differences: readonly Difference[]): string[] {
    return differences.flatMap(({ key, before, after }) => {
        const [, member, role] = /^membership of (.+) in (.+)$/s.exec(key) ?? [];
        if (member === undefined || role === undefined) return [];
        const [wanted, found] = [grantsIn(before), grantsIn(after)];
        return [
            ...found.filter(each => !wanted.includes(each)).map(() => `revoke ${role} from ${member}`),
            ...wanted.filter(each => !found.includes(each)).map(each => `grant ${role} to ${member}${optionsOf(each)}`),
        ];
    });
}

/** One for each that granted it: `{"admin_option": false} by postgres` */
function grantsIn(definition: string | undefined): string[] {
    return definition?.split(/, (?=\{)/) ?? [];
}

/** Only where a plain grant would not give them: before 16 PostgreSQL knows no other than the first. */
function optionsOf(grant: string): string {
    const has = (option: string, value: boolean) => grant.includes(`"${option}_option": ${value}`);
    const options = [
        ...(has("admin", true) ? ["admin option"] : []),
        ...(has("inherit", false) ? ["inherit false"] : []),
        ...(has("set", false) ? ["set false"] : []),
    ];
    return options.length > 0 ? ` with ${options.join(", ")}` : "";
}
