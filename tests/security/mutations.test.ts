import assert from "node:assert/strict";
import type { Ground } from "../sql/ground.ts";
import { actors, columns } from "./actors.ts";
import { adviceOn } from "../../preview/trial/advisors.ts";
import { type Attack, readAttacks } from "./attacks.ts";
import { attempt, problemOf, stateOf } from "./attempt.ts";
import { type Mutant, readMutants } from "./mutants.ts";
import { describePrivileges } from "./privileges.ts";
import { besideCareless, carelessPolicies, makeStage } from "./stage.ts";

const attacks = readAttacks();
const onePerColumn = columns.flatMap(column => actors.find(actor => actor.column === column) ?? []);

/** What notices that a mutant is weaker, in the order in which it is asked. */
type Killer = "an attack" | "the table in the docs" | "a verify.sql" | "an advisor";

/** What no other list than the attacks should have to notice. */
const isForAttacks = /^(policy|row level security of (public|storage)|trigger \w+:)/;

/** Except these, which protect what something else protects as well: the advisors notice them. */
const heldByOthers: ReadonlyMap<string, string> = new Map([
    ["policy datasets_owner_update: with check (true)", "no user has the privilege to change owner_id"],
    [
        "policy simulation_runs_member_update: with check (true)",
        "simulation_runs_honest_update and simulation_runs_identity_kept say the same",
    ],
]);

describe("each policy, privilege, constraint, trigger and function, dropped or weakened alone", function () {
    this.timeout(600_000);
    let ground: Ground;
    let documented: string;
    let advised: string;
    before(async () => {
        ground = await makeStage({ major: 15, defaultPrivileges: "open", simulationRuns: "bare" });
        documented = await describePrivileges(ground.admin);
        advised = JSON.stringify(await adviceOn(ground.admin));
    });
    after(() => ground?.stop());

    /** Who notices the mutant; undefined: nobody. */
    const killerOf = async (mutant: Mutant): Promise<Killer | undefined> => {
        const { admin } = ground;
        await admin.query("begin; savepoint mutant");
        try {
            await admin.query(mutant.sql);
            if (await isNoticedByAttacks(ground, mutant)) return "an attack";
            if ((await describePrivileges(admin)) !== documented) return "the table in the docs";
            for (const { verify } of ground.migrations) {
                await admin.query("savepoint verify");
                const passes = await admin.query(verify).then(
                    () => true,
                    () => false,
                );
                await admin.query("rollback to savepoint verify");
                if (!passes) return "a verify.sql";
            }
            if (JSON.stringify(await adviceOn(admin)) !== advised) return "an advisor";
            return undefined;
        } finally {
            await admin.query("rollback");
        }
    };

    it("makes at least one test fail: no mutant survives", async () => {
        const mutants = await readMutants(ground.admin);
        assert.ok(mutants.length > 300, String(mutants.length));
        const killed = new Map<Killer, number>();
        const survivors: string[] = [];
        const attacksMissed: string[] = [];
        for (const mutant of mutants) {
            const killer = await killerOf(mutant);
            if (killer === undefined) survivors.push(mutant.what);
            else killed.set(killer, (killed.get(killer) ?? 0) + 1);
            if (killer !== "an attack" && isForAttacks.test(mutant.what) && !heldByOthers.has(mutant.what))
                attacksMissed.push(mutant.what);
        }
        const noticed = [...killed].map(([killer, count]) => `${count} by ${killer}`).join(", ");
        console.log(`      ${mutants.length} mutants: noticed ${noticed}; survivors: ${survivors.length}`);
        assert.deepEqual(survivors, []);
        assert.deepEqual(attacksMissed, []);
    });
});

/** Tries what has to do with the mutant, the likeliest first, until something comes out otherwise than the page says. */
async function isNoticedByAttacks({ admin }: Ground, mutant: Mutant): Promise<boolean> {
    const cast = onePerColumn.filter(({ column }) => mutant.columns.length === 0 || mutant.columns.includes(column));
    const about = attacks.filter(({ sql, constraint }) => sql.includes(mutant.about) || constraint === mutant.about);
    const likely = ({ sql }: Attack) => mutant.verb !== undefined && sql.startsWith(mutant.verb);
    // Of privileges there are many, and the table in the docs has each of them.
    const others = /^(policy|row|trigger|constraint|function|view|role)/.test(mutant.what) ? about : [];
    const ordered = [...about.filter(likely), ...others.filter(attack => !likely(attack))];
    const isNoticed = async (chosen: readonly Attack[]) => {
        const before = await stateOf(admin);
        for (const attack of chosen) {
            for (const actor of cast) {
                if (attack.outcomes[actor.column] === ".") continue;
                if (problemOf(attack, actor, await attempt(admin, actor, attack, before)) !== undefined) return true;
            }
        }
        return false;
    };
    if (await isNoticed(ordered.filter(({ part }) => part !== besideCareless))) return true;
    const careless = ordered.filter(({ part }) => part === besideCareless);
    if (careless.length === 0) return false;
    await admin.query("savepoint careless");
    await admin.query(carelessPolicies);
    const noticed = await isNoticed(careless);
    await admin.query("rollback to savepoint careless");
    return noticed;
}
