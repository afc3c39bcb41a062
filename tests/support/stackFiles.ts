// The stack files as they come with the project: a team fills them in and adds more, and the tests do not mind.

const placeholders: Readonly<Record<string, string>> = {
    databaseHost: "aws-0-REGION.pooler.supabase.com",
    databaseUser: "postgres.PROJECT-REF",
    databaseCaFile: "certs/ca.crt",
    storageUrl: "https://PROJECT-REF.supabase.co",
};

/** Whether a file of the project's folder is no stack file that a team has added. */
export function comesWithProject(name: string): boolean {
    return !/^Pulumi\.[^.]+\.yaml$/.test(name) || /^Pulumi\.(dev|prod|staging)\.yaml$/.test(name);
}

/** The text of the file of a real stack, as it was before a team filled it in. */
export function unfilled(text: string): string {
    return text.replaceAll(/^( *simulation-db:(\w+):) .*$/gm, (line, key: string, name: string) => {
        const placeholder = placeholders[name];
        return placeholder === undefined || line.endsWith(" embedded") ? line : `${key} <${placeholder}>`;
    });
}
