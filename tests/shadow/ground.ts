import { randomUUID } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shadowsFolder } from "../../preview/shadow/place.ts";
import type { Rehearsal } from "../../preview/trial/rehearsal.ts";
import type { StatementObservation, Trial } from "../../preview/trial/observation.ts";
import { rehearse, type RehearsalOptions } from "../../preview/trial/rehearsal.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import type { SqlProject, Trio } from "../support/sqlProject.ts";

/** Both majors; the tools of this machine decide by what the catalog is copied. */
export const majors = [15, 17] as const;

/** Rehearses with a cache of its own, that is gone afterwards. */
export async function rehearseOnce(
    options: Omit<RehearsalOptions, "cacheFolder" | "say"> & { say?: RehearsalOptions["say"] },
): Promise<Rehearsal> {
    const cacheFolder = join(tmpdir(), `simulation-db-preview-${randomUUID()}`);
    try {
        return await rehearse({ say: () => {}, ...options, cacheFolder });
    } finally {
        await rm(cacheFolder, { recursive: true, force: true });
    }
}

/** The project's migrations that are not in its ledger, rehearsed. */
export async function rehearsePending(
    project: SqlProject,
    trios?: Readonly<Record<string, Trio>>,
    more: Partial<RehearsalOptions> = {},
): Promise<Rehearsal> {
    if (trios) await project.write(trios);
    const pending = await pendingOf(project);
    return await rehearseOnce({ environment: project.environment, pending, toRollBack: [], ...more });
}

export async function pendingOf(project: SqlProject): Promise<Migration[]> {
    const applied = await project.applied().catch((): string[] => []);
    const migrations = await readMigrations(join(project.folder, "sql"));
    return migrations.filter(({ version }) => !applied.includes(version));
}

/** The only trial there is; fails with what went wrong in the rehearsal. */
export function onlyTrial({ proof, up, down }: Rehearsal): Trial {
    const [trial, ...more] = [...up, ...down];
    if (!trial || more.length > 0) throw new Error(`${up.length + down.length} trials: ${proof.words}`);
    return trial;
}

/** The statement that has these words. */
export function statementWith(words: string, { statements }: Trial): StatementObservation {
    const found = statements.find(({ place }) => place.statement.includes(words));
    if (!found) throw new Error(`no statement has the words "${words}"`);
    return found;
}

/** `auth.users ShareRowExclusiveLock`, without indexes. */
export function locksOf({ locks }: StatementObservation): string[] {
    return locks.filter(({ kind }) => kind !== "index").map(({ relation, mode }) => `${relation} ${mode}`);
}

/** The folders of shadows that a process has made and that are still there. */
export async function shadowsOf(pid: number): Promise<string[]> {
    const shadows = await shadowsFolder();
    const names = (await readdir(shadows)).filter(name => name !== "templates");
    const owners = await Promise.all(names.map(name => readFile(join(shadows, name, "owner"), "utf8").catch(() => "")));
    return names.filter((_, index) => owners[index]?.startsWith(`${pid} `));
}

/** How long a shadow may take on a busy machine, in milliseconds. */
export const shadowLimit = 90_000;
