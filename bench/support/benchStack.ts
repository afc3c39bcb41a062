import { rm } from "node:fs/promises";
import { join } from "node:path";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { label, versionOf } from "../../runner/migration/migration.ts";
import { migrationFiles, smallPlan } from "../../tests/stack/smallPlan.ts";
import { type StackProject, stackProject } from "../../tests/support/stackProject.ts";
import { stackTarget } from "../../tests/support/stackTarget.ts";
import { benchMigration } from "./benchMigration.ts";
import { addTables } from "./database.ts";
import { timed } from "./timed.ts";

/** The engine with hundreds of migrations takes minutes, in milliseconds. */
const stepLimit = 1_800_000;

/**
 * The stack itself, run by the real engine on a server of its own, with as many migrations as are asked for: three that
 * its grants and its bucket stand on, and others that make one table each.
 */
export interface BenchStack {
    readonly project: StackProject;
    /** The server, for the report. */
    readonly postgresql: string;
    /** From now on there are so many migrations more than the three. */
    declare(more: number): Promise<void>;
    /** From now on all but the newest of those that are declared now share one resource. */
    squash(): Promise<void>;
    /**
     * Runs the engine to its end; what the stack made stays. Before an up comes a preview, which is not counted: what that
     * has tried out, the up takes over.
     *
     * @returns milliseconds
     */
    timed(verb: "preview" | "up" | "destroy"): Promise<number>;
    /** How many resources it declares, without the two entries that come with any program: its own and one of a provider. */
    countResources(): Promise<number>;
    /** The next preview tries out what is pending, also when an earlier one did. */
    forgetResults(): Promise<void>;
    /** And it makes its shadow from nothing. */
    forgetShadows(): Promise<void>;
    remove(): Promise<void>;
}

/**
 * Makes a stack of which nothing is applied; it has been previewed once, so that no run pays for what is done once.
 *
 * @param tables so many of other teams are in the database besides
 */
export async function benchStack({ tables = 0 } = {}): Promise<BenchStack> {
    const target = await stackTarget({ major: 15 });
    try {
        await addTables(target.environment, tables);
        const project = await stackProject({ environment: target.environment, sql: smallPlan });
        project.stepLimit = stepLimit;
        const remove = async () => {
            await project.remove();
            await target.stop();
        };
        try {
            await project.newStack("bench", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
            await project.must("preview");
            let newest = 3;
            const { rows } = await target.admin.query<{ server_version: string }>("show server_version");
            return {
                project,
                postgresql: rows[0]?.server_version ?? "unknown",
                async declare(more) {
                    newest = 3 + more;
                    await project.useSql({ ...smallPlan, ...tableMigrations(more) });
                },
                squash: () => project.configure({ squashThrough: versionOf(newest - 1) }),
                async timed(verb) {
                    if (verb === "preview") return await timed(() => project.must(verb));
                    if (verb === "up") await project.must("preview");
                    return await timed(() => project.must(verb, "--yes", "--skip-preview"));
                },
                countResources: async () => (await project.resources()).length - 2,
                forgetResults: () => forget(join(project.dir, ".local", "preview", "cache")),
                forgetShadows: async () => forget(join(await runtimeHome(project.dir), "shadows", "templates")),
                remove,
            };
        } catch (error) {
            await project.remove();
            throw error;
        }
    } catch (error) {
        await target.stop();
        throw error;
    }
}

/** As a user may. */
async function forget(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
}

/** So many after the small plan's; their tables are closed, or a preview would stop. */
function tableMigrations(count: number): Record<string, string> {
    const all = Array.from({ length: count }, (_, index) => {
        const migration = benchMigration(index + 4);
        const table = `public.${migration.slug}`;
        const closing = [
            `alter table ${table} enable row level security;`,
            `revoke all on table ${table} from public, anon, authenticated, service_role;`,
            "",
        ].join("\n");
        return migrationFiles(label(migration), { ...migration, up: migration.up + closing });
    });
    return Object.assign({}, ...all) as Record<string, string>;
}
