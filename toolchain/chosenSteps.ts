import { UserError } from "../runner/userError.ts";
import type { StackFile } from "./stackFile.ts";
import { backupStep } from "./stepUrn.ts";

/** Each with how it may be written; the short one also behind others that take no value, `-yt URN`. */
const options = {
    "--target": /^(--target(=.*)?|-[defjry]*t.*)$/,
    "--replace": /^--replace(=.*)?$/,
    "--target-replace": /^--target-replace(=.*)?$/,
} as const;

/**
 * The arguments of an `up` that is told which steps to take: the backup before changes is one of them, whichever they are.
 *
 * @throws UserError where it is left out and must not be
 */
export function withBackup({ name, values }: Pick<StackFile, "name" | "values">, args: readonly string[]): string[] {
    const backup = backupStep(name);
    const left = values.backup === "required" ? excluded(args).find(each => matches(each, backup)) : undefined;
    if (left !== undefined) {
        throw new UserError(
            `--exclude ${left} leaves out the backup, and this stack requires one (simulation-db:backup).`,
            [
                "leave the option out, or name only what it should leave out",
                "or set simulation-db:backup to optional, which does not ask for one",
            ],
        );
    }
    const chosen = Object.entries(options).filter(([, form]) => args.some(each => form.test(each)));
    return [...args, ...chosen.flatMap(([option]) => [option, backup])];
}

function excluded(args: readonly string[]): string[] {
    return args.flatMap((each, at) =>
        each === "--exclude" ? (args[at + 1] ?? []) : each.startsWith("--exclude=") ? each.slice(10) : [],
    );
}

/** As the engine does: `*` stands for anything within a part of a URN, `**` for anything. */
function matches(pattern: string, urn: string): boolean {
    const form = pattern
        .replace(/[\\^$.+?()[\]{}|]/g, "\\$&")
        .replace(/\*\*?/g, stars => (stars === "**" ? ".*" : "[^:]*"));
    return new RegExp(`^${form}$`).test(urn);
}
