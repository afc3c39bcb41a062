import type { Benchmark } from "./support/benchmark.ts";
import { benchStack } from "./support/benchStack.ts";
import { inRounds } from "./support/rounds.ts";
import { atMostTimes, perMigration, row } from "./support/row.ts";

const few = 10;
const many = [100, 400];
const quickMany = [40];

const all = (size: number) => `${size} migrations, all rolled back`;
const each = (size: number) => `${all(size)}: each`;

export const benchmark: Benchmark = {
    about: "A destroy of the stack with 10 to 400 migrations: linear, if each costs the same.",
    minutes: { full: 20, quick: 3 },

    async measure({ quick, say }) {
        const larger = quick ? quickMany : many;
        let postgresql = "";
        const rounds = await inRounds(
            quick ? 1 : 3,
            new Map(
                [0, few, ...larger].map(size => [
                    all(size),
                    async () => {
                        const stack = await benchStack();
                        try {
                            ({ postgresql } = stack);
                            await stack.declare(size);
                            await stack.timed("up");
                            return await stack.timed("destroy");
                        } finally {
                            await stack.remove();
                        }
                    },
                ]),
            ),
            say,
        );
        const of = (size: number) => rounds.get(all(size)) ?? [];
        const eachOf = (size: number) => perMigration(of(size), of(0), size);
        return {
            versions: { postgresql },
            rows: [
                ...[0, few, ...larger].map(size => row(all(size), "ms", of(size))),
                row(each(few), "ms", eachOf(few)),
                ...larger.map(size =>
                    row(each(size), "ms", eachOf(size), {
                        against: { name: each(few), samples: eachOf(few) },
                        aim: atMostTimes(1.3),
                    }),
                ),
            ],
        };
    },
};
