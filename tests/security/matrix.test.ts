import assert from "node:assert/strict";
import { type Ground, opposites, titleOf } from "../sql/ground.ts";
import { actors, columns } from "./actors.ts";
import { readAttacks } from "./attacks.ts";
import { attempt, type Before, problemOf, stateOf } from "./attempt.ts";
import { besideCareless, carelessPolicies, makeStage } from "./stage.ts";

const attacks = readAttacks();
const parts = [...new Set(attacks.map(({ part }) => part))];

describe("the attacks", () => {
    it("are at least 400 cells of actors and statements", () => {
        const cells = attacks.flatMap(({ outcomes }) => actors.filter(({ column }) => outcomes[column] !== "."));
        assert.ok(cells.length >= 400, String(cells.length));
    });

    it("have titles of their own, so that a failure names one", () => {
        const titles = attacks.map(({ part, title }) => `${part}: ${title}`);
        assert.deepEqual(titles, [...new Set(titles)]);
    });
});

// On two kinds that differ in everything, all actors; on the two that are left, one for each column.
const onePerColumn = columns.flatMap(column => actors.find(actor => actor.column === column) ?? []);
const stages = [
    ...opposites.map(kind => ({ kind, cast: actors })),
    { kind: { major: 15, defaultPrivileges: "closed", simulationRuns: "extended" }, cast: onePerColumn },
    { kind: { major: 17, defaultPrivileges: "open", simulationRuns: "bare" }, cast: onePerColumn },
] as const;

for (const { kind, cast } of stages) {
    describe(`who may do what (${titleOf(kind)})`, function () {
        this.timeout(240_000);
        let ground: Ground;
        let untouched: Before;
        before(async () => {
            ground = await makeStage(kind);
            await ground.admin.query("begin");
            untouched = await stateOf(ground.admin);
        });
        after(() => ground?.stop());

        // The careless part is the last of the page, so its policies disturb no other.
        for (const part of parts) {
            describe(part, () => {
                if (part === besideCareless) {
                    before(async () => {
                        await ground.admin.query(carelessPolicies);
                        untouched = await stateOf(ground.admin);
                    });
                }
                for (const attack of attacks.filter(one => one.part === part)) {
                    it(attack.title, async () => {
                        const problems: string[] = [];
                        for (const actor of cast) {
                            if (attack.outcomes[actor.column] === ".") continue;
                            const problem = problemOf(
                                attack,
                                actor,
                                await attempt(ground.admin, actor, attack, untouched),
                            );
                            if (problem !== undefined) problems.push(problem);
                        }
                        assert.deepEqual(problems, []);
                    });
                }
            });
        }
    });
}
