import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { label, type Migration } from "../../runner/migration/migration.ts";
import { findNamed } from "../folder/folder.ts";

/** The migrations that are checked, and in which words they were chosen. */
export interface Chosen {
    readonly migrations: readonly Migration[];
    /** "because …" */
    readonly because: string;
}

/**
 * Without a target nothing says what is pending: those that a person names; else those whose files git has in another
 * form than the branch that changes are merged into; else the newest.
 *
 * @param folder the project's
 * @throws UserError for a name that none has
 */
export async function chooseWithoutTarget(
    migrations: readonly Migration[],
    names: readonly string[],
    folder: string,
): Promise<Chosen> {
    if (names.length > 0) {
        const wanted = names.map(name => label(findNamed(migrations, name)));
        return { migrations: migrations.filter(each => wanted.includes(label(each))), because: "named" };
    }
    const { base, paths } = await changedInGit(folder);
    const changed = migrations.filter(each => paths.some(path => path.startsWith(`sql/${label(each)}/`)));
    if (changed.length > 0) return { migrations: changed, because: `not as in ${base}` };
    return { migrations: migrations.slice(-1), because: "the newest: none is changed" };
}

/** Paths below sql/ that are not as in the remote's main branch, or, where there is none, as in the last commit. */
async function changedInGit(cwd: string): Promise<{ base: string; paths: string[] }> {
    const git = async (...args: string[]) => {
        const { stdout } = await promisify(execFile)("git", args, { cwd });
        return stdout.split("\n").filter(Boolean);
    };
    try {
        const base = await git("merge-base", "HEAD", "origin/HEAD").catch(() => ["HEAD"]);
        const [commit = "HEAD"] = base;
        const changed = await git("diff", "--name-only", "--relative", commit, "--", "sql");
        const added = await git("ls-files", "--others", "--exclude-standard", "--", "sql");
        return { base: commit === "HEAD" ? "the last commit" : "origin's main branch", paths: [...changed, ...added] };
    } catch {
        // No repository, or no commit in it.
        return { base: "", paths: [] };
    }
}
