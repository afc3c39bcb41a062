import { bareProgram, withoutTraces } from "./support/bareProgram.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { benchStack } from "./support/benchStack.ts";
import { inRounds } from "./support/rounds.ts";
import { atMostTimes, perMigration, row } from "./support/row.ts";
import { timed } from "./support/timed.ts";

/** Those of which the cost of one migration is compared with that of {@link few}. */
const sizes = [1, 100, 400];
const quickSizes = [1, 40];
const few = 10;

/** Milliseconds of one stack. */
interface Times {
    readonly up: number;
    /** Of one migration that came later. */
    readonly oneMore: number;
}

const fromEmpty = (size: number) => `${size} migrations, from empty`;
const each = (size: number) => `${fromEmpty(size)}: each`;
const onTop = (size: number) => `1 new on top of ${size}`;
const squashed = (size: number) => `${size} migrations, squashed, from empty`;
const onTopOfSquash = (size: number) => `1 new on top of ${size}, squashed`;
const bareOnTop = (size: number) => `a bare program: ${onTop(size)}`;

export const benchmark: Benchmark = {
    about: "An up of the stack, after a preview that is not counted and whose results it takes over, with 1 to 400 migrations, and with one more; also with all but the newest as one resource.",
    minutes: { full: 20, quick: 3 },

    async measure({ quick, say }) {
        const all = [0, few, ...(quick ? quickSizes : sizes)].toSorted((one, other) => one - other);
        const large = all.filter(size => size > few);
        const most = Math.max(...large);
        let postgresql = "";
        const rounds = await inRounds(
            quick ? 1 : 3,
            new Map([
                ...all.map((size): [string, () => Promise<Times>] => [
                    fromEmpty(size),
                    async () => {
                        const stack = await benchStack();
                        ({ postgresql } = stack);
                        return await timesOf({ ...stack, up: () => stack.timed("up") }, size);
                    },
                ]),
                [
                    squashed(most),
                    async () => {
                        const stack = await benchStack();
                        await stack.declare(most);
                        await stack.squash();
                        return await timesOf({ ...stack, up: () => stack.timed("up") }, most);
                    },
                ],
                ...[few, ...large].map((size): [string, () => Promise<Times>] => [
                    bareOnTop(size),
                    async () => await timesOf(await tracelessProgram(), size),
                ]),
            ]),
            say,
        );
        const samplesOf = (name: string, which: keyof Times) => (rounds.get(name) ?? []).map(time => time[which]);
        const of = (size: number, which: keyof Times) => samplesOf(fromEmpty(size), which);
        const eachOf = (size: number) => perMigration(of(size, "up"), of(0, "up"), size);
        const bareOneMore = (size: number) => samplesOf(bareOnTop(size), "oneMore");
        return {
            versions: { postgresql },
            rows: [
                ...all.map(size => row(fromEmpty(size), "ms", of(size, "up"))),
                row(each(few), "ms", eachOf(few)),
                ...large.map(size =>
                    row(each(size), "ms", eachOf(size), {
                        against: { name: each(few), samples: eachOf(few) },
                        aim: atMostTimes(1.3),
                    }),
                ),
                row(squashed(most), "ms", samplesOf(squashed(most), "up"), {
                    against: { name: fromEmpty(most), samples: of(most, "up") },
                }),
                row(onTop(few), "ms", of(few, "oneMore")),
                ...large.map(size =>
                    row(onTop(size), "ms", of(size, "oneMore"), {
                        against: { name: onTop(few), samples: of(few, "oneMore") },
                        aim: atMostTimes(1.5),
                    }),
                ),
                row(onTopOfSquash(most), "ms", samplesOf(squashed(most), "oneMore"), {
                    against: { name: onTop(few), samples: of(few, "oneMore") },
                    aim: atMostTimes(1.5),
                }),
                row(bareOnTop(few), "ms", bareOneMore(few)),
                ...large.map(size =>
                    row(bareOnTop(size), "ms", bareOneMore(size), {
                        against: { name: bareOnTop(few), samples: bareOneMore(few) },
                    }),
                ),
            ],
        };
    },
};

/** What is applied, and how. */
interface Subject {
    declare(size: number): Promise<void>;
    /** @returns milliseconds */
    up(): Promise<number>;
    remove(): Promise<void>;
}

async function timesOf(subject: Subject, size: number): Promise<Times> {
    try {
        await subject.declare(size);
        const up = await subject.up();
        await subject.declare(size + 1);
        return { up, oneMore: await subject.up() };
    } finally {
        await subject.remove();
    }
}

/** What the engine and its SDK take of it, with the stack traces off that the stack does without as well. */
async function tracelessProgram(): Promise<Subject> {
    const bare = await bareProgram({ count: 0 });
    bare.project.environment = withoutTraces;
    return {
        declare: count => bare.declare({ count }),
        up: () => timed(() => bare.project.must("up", "--yes", "--skip-preview")),
        remove: () => bare.remove(),
    };
}
