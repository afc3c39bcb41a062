import { reading } from "../../runner/database/connection.ts";
import { stackOf } from "../../runner/database/settings.ts";
import { inWords } from "../../runner/database/sqlError.ts";
import { readWay } from "../../runner/ledger/chain.ts";
import { label, type Migration } from "../../runner/migration/migration.ts";
import { readMigrations, requireStatements } from "../../runner/migration/migrationFolder.ts";
import { print, say } from "../../runner/output.ts";
import { explain } from "../../runner/userError.ts";
import { findNamed } from "../folder/folder.ts";
import { openGround, type Ground } from "../ground/ground.ts";
import { type Case, check } from "./check.ts";
import { chooseWithoutTarget } from "./chosen.ts";
import { readCheckSettings } from "./settings.ts";
import { onEachChange } from "./watch.ts";
import { checkedText, verdictLines } from "./words.ts";

export interface CheckOptions {
    readonly target?: true;
    readonly watch?: true;
    readonly json?: true;
}

/** `check:sql`: all that can be found out about migrations before anybody else sees them. */
export async function checkSql(names: readonly string[], options: CheckOptions): Promise<void> {
    const grounds = new Grounds();
    try {
        if (!options.watch) {
            if ((await once(names, options, grounds)) > 0) process.exitCode = 1;
            return;
        }
        await onEachChange("sql", async () => {
            await once(names, options, grounds).catch((error: unknown) => say(explain(inWords(error))));
            say("\nwaiting for a change of sql/ (Ctrl-C ends it) …");
        });
    } finally {
        await grounds.end();
    }
}

/** @returns how many findings stop it */
async function once(names: readonly string[], { target, json }: CheckOptions, grounds: Grounds): Promise<number> {
    const started = performance.now();
    const migrations = await readMigrations("sql");
    const found = target ? await ofTarget(migrations, names) : await ofGround(migrations, names, grounds, json);
    const nothing = found.asked.length === 0 && found.toRollBack.length === 0;
    if (nothing) say("no migration is pending: there is nothing to check");
    // A program wants its report all the same.
    if (nothing && !json) return 0;
    const checked = await check(found);
    if (json) {
        const breaches = Object.fromEntries(checked.breaches);
        print(JSON.stringify({ stops: checked.stops, breaches, report: checked.report }, undefined, 2));
        return checked.stops;
    }
    for (const line of checkedText(checked, found.asked)) print(line);
    for (const line of verdictLines(checked, found.asked, found.where, (performance.now() - started) / 1000))
        print(line);
    return checked.stops;
}

type Found = Case & { readonly where: string };

async function ofTarget(migrations: readonly Migration[], names: readonly string[]): Promise<Found> {
    const { env } = process;
    const { pending, changed, toRollBack } = await reading(env, "check", client => readWay(client, migrations));
    await requireStatements({ pending, changed });
    const wanted = names.map(name => label(findNamed(pending, name)));
    const asked = wanted.length === 0 ? pending : pending.filter(each => wanted.includes(label(each)));
    const stack = stackOf(env);
    return {
        stack,
        environment: env,
        isTarget: true,
        pending: upTo(pending, asked),
        toRollBack,
        asked,
        settings: readCheckSettings(env),
        say,
        where: `tried on a shadow of ${stack}`,
    };
}

async function ofGround(
    migrations: readonly Migration[],
    names: readonly string[],
    grounds: Grounds,
    json: boolean | undefined,
): Promise<Found> {
    const settings = readCheckSettings(process.env);
    const {
        migrations: asked,
        because,
        isNew,
    } = await chooseWithoutTarget(migrations, names, process.cwd(), process.env);
    await requireStatements({ pending: asked.filter(isNew), changed: asked.filter(each => !isNew(each)) });
    const [first] = asked;
    const earlier = migrations.filter(({ version }) => first !== undefined && version < first.version);
    if (first)
        say(`checking ${asked.length > 3 ? `${asked.length} migrations` : asked.map(label).join(", ")} (${because})`);
    return {
        stack: "sql",
        // No server is started to say that there is nothing to check.
        environment: first || json ? (await grounds.open({ ...settings, earlier, say })).environment : {},
        isTarget: false,
        pending: upTo(migrations, asked).slice(earlier.length),
        toRollBack: [],
        asked,
        settings,
        say,
        where: `tried on PostgreSQL ${settings.major} without rows`,
    };
}

function upTo(migrations: readonly Migration[], asked: readonly Migration[]): Migration[] {
    const last = asked.at(-1);
    return migrations.filter(({ version }) => last !== undefined && version <= last.version);
}

/** The ground of the check before, as long as the same migrations come before what is checked. */
class Grounds {
    #open: { readonly key: string; readonly ground: Ground } | undefined;

    async open(options: Parameters<typeof openGround>[0]): Promise<Ground> {
        const key = JSON.stringify([options.major, options.shape, options.earlier]);
        if (this.#open?.key === key) return this.#open.ground;
        await this.end();
        this.#open = { key, ground: await openGround(options) };
        return this.#open.ground;
    }

    async end(): Promise<void> {
        await this.#open?.ground.end();
        this.#open = undefined;
    }
}
