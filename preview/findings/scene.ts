import { compare, type Comparison } from "../changes/comparison.ts";
import { type Directives, readDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { formerName } from "../changes/rename.ts";
import type { StatementObservation, Trial } from "../trial/observation.ts";
import type { TargetLook } from "../look/targetLook.ts";
import { type Act, readActs } from "./act.ts";
import { type Names, namesOf, renamesIn } from "./names.ts";
import { viewsWritten } from "./viewTables.ts";

/** What a stack says about findings. */
export interface FindingSettings {
    /** Schemas that the API shows, beside those that the target's own settings name. */
    readonly exposedSchemas: readonly string[];
    /** How long traffic may wait for one migration by estimate, in milliseconds. */
    readonly maxLockMs: number;
}

/** All that the rules look at: one file of one migration, tried on a shadow, and the target with its live sizes. */
export interface Scene {
    readonly migration: Migration;
    readonly directives: Directives;
    readonly trial: Trial;
    readonly acts: readonly Act[];
    readonly comparison: Comparison;
    readonly look: TargetLook;
    readonly names: Names;
    readonly exposed: ReadonlySet<string>;
    readonly settings: FindingSettings;
    /** What the target calls what is named in the observation of a statement: as it was called before that statement. */
    readonly targetName: (name: string, observation: StatementObservation) => string;
}

/** Puts together what the rules need to know of one trial. @param earlier what has run before it, in that order */
export async function sceneOf(
    migration: Migration,
    trial: Trial,
    look: TargetLook,
    settings: FindingSettings,
    earlier: readonly Trial[],
): Promise<Scene> {
    const acts = await readActs(trial.statements);
    const earlierRenames = renamesIn(earlier);
    return {
        migration,
        directives: readDirectives(migration.up, fileName(migration, "up")),
        trial,
        acts,
        comparison: compare(trial.before, trial.after, renamesIn([trial])),
        look,
        names: namesOf(look, [...earlierRenames, ...renamesIn([trial])], await viewsWritten(acts, trial)),
        targetName(name, observation) {
            // What was read from a text alone has the target's names.
            if (!observation.observed) return name;
            const statements = trial.statements.slice(0, trial.statements.indexOf(observation));
            return [...earlierRenames, ...renamesIn([{ statements }])].reduceRight(formerName, name);
        },
        exposed: exposedSchemas(look, settings),
        settings,
    };
}

/**
 * The schemas that the API shows: those of the stack, and those that the authenticator's `pgrst.db_schemas` names
 * (PostgREST documentation, "In-Database Configuration").
 */
export function exposedSchemas({ settings }: Pick<TargetLook, "settings">, own: FindingSettings): ReadonlySet<string> {
    const fromTarget = settings
        .filter(({ name }) => name === "pgrst.db_schemas")
        .flatMap(({ value }) => value.split(","));
    return new Set(["public", ...own.exposedSchemas, ...fromTarget].map(name => name.trim()).filter(Boolean));
}
