import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileName, label, type Migration, type Part } from "../../runner/migration/migration.ts";
import { splitStatements } from "../../runner/migration/statements.ts";
import { print, say } from "../../runner/output.ts";
import { UserError } from "../../runner/userError.ts";
import { check } from "../check/check.ts";
import { readCheckSettings } from "../check/settings.ts";
import { checkedText, verdictLines } from "../check/words.ts";
import { findNamed, namedIn, readDraft, requireOrder } from "../folder/folder.ts";
import { openGround } from "../ground/ground.ts";
import { propose } from "./proposal.ts";

export interface ProposeOptions {
    readonly force?: true;
}

const sql = "sql";

/** `propose-down`: fills down.sql and verify.sql of a migration of which only up is written, and tries all three. */
export async function proposeDown(name: string | undefined, { force }: ProposeOptions): Promise<void> {
    const started = performance.now();
    const names = await namedIn(sql);
    requireOrder(names);
    const last = names.at(-1);
    if (!last) throw new UserError("there is no migration yet.", ["make one: npm run new -- add_dataset_tags"]);
    const chosen = name === undefined ? last : findNamed(names, name);
    const texts = await readDraft(sql, chosen);
    if (!(await isWritten(texts, "up"))) {
        throw new UserError(`${fileName(chosen, "up")} holds no statement: there is nothing to undo.`, [
            "write it first",
        ]);
    }
    const open: Part[] = [];
    for (const part of ["down", "verify"] as const) if (force || !(await isWritten(texts, part))) open.push(part);
    if (open.length === 0) {
        throw new UserError(`${fileName(chosen, "down")} and verify.sql are written already.`, [
            `have them proposed anew, over what is there: npm run propose-down -- ${label(chosen)} --force`,
        ]);
    }
    const earlier = await Promise.all(
        names.filter(({ version }) => version < chosen.version).map(each => readDraft(sql, each)),
    );
    const settings = readCheckSettings(process.env);
    const ground = await openGround({ ...settings, earlier, say });
    try {
        const { questions, ...proposed } = await propose(ground, texts);
        const written: Migration = { ...texts };
        const whole = open.reduce(
            (migration, part) => ({ ...migration, [part]: proposed[part as "down" | "verify"] }),
            written,
        );
        for (const part of open) {
            await writeFile(join(sql, label(chosen), `${part}.sql`), whole[part]);
            print(`${fileName(chosen, part)} proposed: read it, then write its first line anew`);
        }
        for (const question of questions) print(`mind: ${question}`);
        const checked = await check({
            stack: "sql",
            environment: ground.environment,
            isTarget: false,
            pending: [whole],
            toRollBack: [],
            asked: [whole],
            settings,
            say,
        });
        for (const line of checkedText(checked, [whole])) print(line);
        // That gates are closed is for the author to weigh; that the way back is not proven is not what was asked for.
        const [tried] = checked.report.pending;
        const isProven = !tried?.findings.some(
            ({ level, stops, code }) =>
                (stops && ["failing", "irreversible"].includes(level)) ||
                ["not-verified", "shadow-cannot", "down-not-verified"].includes(code),
        );
        if (!isProven) process.exitCode = 1;
        const seconds = (performance.now() - started) / 1000;
        for (const line of verdictLines(
            checked,
            [whole],
            `tried on PostgreSQL ${settings.major} without rows`,
            seconds,
        ))
            print(line);
    } finally {
        await ground.end();
    }
}

async function isWritten(migration: Migration, part: Part): Promise<boolean> {
    return (await splitStatements(migration[part], fileName(migration, part))).length > 0;
}
