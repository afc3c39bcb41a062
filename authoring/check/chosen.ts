import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Environment } from "../../runner/database/connection.ts";
import { fileName, label, type Migration } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";
import { findNamed } from "../folder/folder.ts";

/** The migrations that are checked, and in which words they were chosen. */
export interface Chosen {
    readonly migrations: readonly Migration[];
    /** "because …" */
    readonly because: string;
    /** Whether one of them is taken for applied nowhere: named, or with an up.sql that is not as there. */
    readonly isNew: (migration: Migration) => boolean;
}

/**
 * Without a target nothing says what is pending: those that a person names; else those whose files git has in another
 * form than the branch that changes are merged into; else the newest.
 *
 * @param folder the project's
 * @param env says in GitHub Actions which branch that is, and whether this is a pipeline
 * @throws UserError for a name that none has; in a pipeline where there is no such branch
 */
export async function chooseWithoutTarget(
    migrations: readonly Migration[],
    names: readonly string[],
    folder: string,
    env: Environment,
): Promise<Chosen> {
    if (names.length > 0) {
        const wanted = names.map(name => label(findNamed(migrations, name)));
        return {
            migrations: migrations.filter(each => wanted.includes(label(each))),
            because: "named",
            isNew: () => true,
        };
    }
    const { base, paths } = await changedInGit(folder, env);
    // In a pipeline the last commit is the one to check: without a branch all of it would pass unseen but the newest.
    if (!base.startsWith("origin/") && env.CI && env.CI !== "false") {
        throw new UserError(
            "nothing says which branch this is merged into, so nobody knows which migrations are new.",
            [
                "check out the whole history, and: git fetch origin main:refs/remotes/origin/main",
                "where it is another branch, fetch that, and name it: GITHUB_BASE_REF=BRANCH",
            ],
        );
    }
    const changed = migrations.filter(each => paths.some(path => path.startsWith(`sql/${label(each)}/`)));
    const isNew = (each: Migration) => paths.includes(fileName(each, "up"));
    if (changed.length > 0) return { migrations: changed, because: `not as in ${base}`, isNew };
    return { migrations: migrations.slice(-1), because: "the newest: none is changed", isNew };
}

/** Paths below sql/ that are not as where the branch began that is to be merged, or, where nothing says, as in the last commit. */
async function changedInGit(cwd: string, { GITHUB_BASE_REF }: Environment): Promise<{ base: string; paths: string[] }> {
    const git = async (...args: string[]) => {
        const { stdout } = await promisify(execFile)("git", args, { cwd });
        return stdout.split("\n").filter(Boolean);
    };
    // A checkout in GitHub Actions has the branches of origin, and no HEAD of it.
    const branches = [...(GITHUB_BASE_REF ? [GITHUB_BASE_REF] : []), "HEAD", "main"].map(name => `origin/${name}`);
    try {
        let [base, commit] = ["the last commit", "HEAD"];
        for (const branch of branches) {
            const [ancestor] = await git("merge-base", "HEAD", branch).catch(() => []);
            if (ancestor === undefined) continue;
            [base, commit] = [branch, ancestor];
            break;
        }
        const changed = await git("diff", "--name-only", "--relative", commit, "--", "sql");
        const added = await git("ls-files", "--others", "--exclude-standard", "--", "sql");
        return { base, paths: [...changed, ...added] };
    } catch {
        // No repository, or no commit in it.
        return { base: "", paths: [] };
    }
}
