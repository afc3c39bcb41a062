import { bareProgram, withoutTraces } from "./support/bareProgram.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { type BenchStack, benchStack } from "./support/benchStack.ts";
import { inRounds } from "./support/rounds.ts";
import { atMostTimes, row } from "./support/row.ts";
import { timed } from "./support/timed.ts";

const sizes = [10, 100];
const quickSizes = [10];

/** Bytes that one migration of {@link BenchStack} has on stdin, roughly. */
const stdinBytes = 900;

const ours = (size: number) => `up with nothing to do, ${size} migrations`;
const bare = (size: number) => `a bare program, as many resources as with ${size} migrations`;
const lean = (size: number) => `${bare(size)}, no stack traces`;

export const benchmark: Benchmark = {
    about: "An up with nothing to do, without the preview that `npm run up` begins with, beside a program of as many resources that does nothing of its own.",
    minutes: { full: 6, quick: 1 },

    async measure({ quick, say }) {
        const chosen = quick ? quickSizes : sizes;
        const open: { remove(): Promise<void> }[] = [];
        const cases = new Map<string, () => Promise<number>>();
        let postgresql = "";
        try {
            for (const size of chosen) {
                say(`applying ${size} migrations`);
                const stack = await applied(size);
                open.push(stack);
                ({ postgresql } = stack);
                const count = await stack.countResources();
                const floor = await bareProgram({ count, stdinBytes });
                open.push(floor);
                const up = (environment = {}) => {
                    floor.project.environment = environment;
                    return floor.project.must("up", "--yes", "--skip-preview");
                };
                await up();
                cases.set(ours(size), () => stack.timed("up"));
                cases.set(bare(size), () => timed(up));
                cases.set(lean(size), () => timed(() => up(withoutTraces)));
            }
            const rounds = await inRounds(quick ? 3 : 7, cases, say);
            const of = (name: string) => rounds.get(name) ?? [];
            return {
                versions: { postgresql },
                rows: chosen.flatMap(size => [
                    row(bare(size), "ms", of(bare(size))),
                    row(lean(size), "ms", of(lean(size))),
                    row(ours(size), "ms", of(ours(size)), {
                        against: { name: bare(size), samples: of(bare(size)) },
                        aim: atMostTimes(1.15),
                    }),
                    row(`${ours(size)}, beside no stack traces`, "ms", of(ours(size)), {
                        against: { name: lean(size), samples: of(lean(size)) },
                        aim: atMostTimes(1.15),
                    }),
                ]),
            };
        } finally {
            for (const one of open) await one.remove();
        }
    },
};

async function applied(size: number): Promise<BenchStack> {
    const stack = await benchStack();
    try {
        await stack.declare(size);
        await stack.timed("up");
        return stack;
    } catch (error) {
        await stack.remove();
        throw error;
    }
}
