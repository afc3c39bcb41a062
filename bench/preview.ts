import { connect } from "../runner/database/connection.ts";
import { readCatalog } from "../runner/catalog/catalog.ts";
import { type BareProgram, bareProgram, withoutTraces } from "./support/bareProgram.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { type BenchStack, benchStack } from "./support/benchStack.ts";
import { inRounds } from "./support/rounds.ts";
import { atMost, atMostTimes, type Row, row } from "./support/row.ts";
import { timed } from "./support/timed.ts";

/** How many tables others have in the database, and how much longer than a bare program it may take, in milliseconds. */
const sizes = [
    { tables: 50, warmMs: 4_000, coldMs: 8_000 },
    { tables: 500, warmMs: 12_000, coldMs: 30_000 },
];
/** Migrations that are applied, with nothing pending. */
const histories = [10, 100, 400];
const pendings = [1, 5];

const nothingAim = atMostTimes(1.25);

/** Bytes that one migration of {@link BenchStack} has on stdin, roughly. */
const stdinBytes = 900;

const counted = (pending: number) => (pending === 0 ? "nothing pending" : `${pending} pending`);
const bare = (pending: number) => `a bare program: ${counted(pending)}`;
const lean = (bareCase: string) => `${bareCase}, no stack traces`;
const besideLean = (ourCase: string) => `${ourCase}, beside no stack traces`;
const bareAfter = (applied: number) => `a bare program: nothing pending after ${applied} migrations`;
const on = (tables: number) => `on ${tables} tables`;
const nothing = (tables: number) => `${counted(0)}, ${on(tables)}`;
const after = (applied: number) => `${counted(0)}, after ${applied} migrations`;
const warm = (pending: number, tables: number) => `${counted(pending)}, kept shadow, ${on(tables)}`;
const cold = (pending: number, tables: number) => `${counted(pending)}, nothing kept, ${on(tables)}`;
const catalogRead = (tables: number) => `one catalog read, ${on(tables)}`;

type Cases = Map<string, () => Promise<number>>;

/** Something to remove at the end. */
type Open = { remove(): Promise<void> }[];

export const benchmark: Benchmark = {
    about: "A preview of the stack, beside one of a program of as many resources that does nothing of its own.",
    minutes: { full: 30, quick: 3 },

    async measure({ quick, say }) {
        const chosenSizes = quick ? sizes.slice(0, 1) : sizes;
        const chosenHistories = quick ? histories.slice(0, 1) : histories;
        const open: Open = [];
        const cases: Cases = new Map();
        let postgresql = "";
        try {
            for (const { tables } of chosenSizes) {
                say(`making a stack ${on(tables)}`);
                const stack = await applied(0, open, { tables });
                ({ postgresql } = stack);
                // As many resources whatever the number of tables.
                if (!cases.has(bare(0))) addBare(cases, await floorOf(stack, open));
                addOurs(cases, stack, tables);
            }
            for (const size of chosenHistories) {
                say(`applying ${size} migrations`);
                const stack = await applied(size, open);
                const floor = await floorOf(stack, open);
                cases.set(after(size), () => stack.timed("preview"));
                addNothingBare(cases, bareAfter(size), floor);
            }
            const rounds = await inRounds(quick ? 2 : 5, cases, say);
            const of = (name: string) => rounds.get(name) ?? [];
            return {
                versions: { postgresql },
                rows: [
                    ...[bare(0), lean(bare(0)), ...pendings.map(bare)].map(name => row(name, "ms", of(name))),
                    ...chosenSizes.flatMap(size => rowsOf(size, of)),
                    ...chosenHistories.flatMap(size => [
                        ...[bareAfter(size), lean(bareAfter(size))].map(name => row(name, "ms", of(name))),
                        ...nothingRows(after(size), bareAfter(size), of),
                    ]),
                ],
            };
        } finally {
            for (const one of open) await one.remove();
        }
    },
};

/** A stack with its three migrations and so many more applied. */
async function applied(more: number, open: Open, options: { tables?: number } = {}): Promise<BenchStack> {
    const stack = await benchStack(options);
    open.push(stack);
    await stack.declare(more);
    await stack.timed("up");
    return stack;
}

/** A bare program with as many resources as the stack has, all of them made. */
async function floorOf(stack: BenchStack, open: Open): Promise<BareProgram & { readonly count: number }> {
    const count = await stack.countResources();
    const floor = await bareProgram({ count, stdinBytes });
    open.push(floor);
    floor.project.stepLimit = stack.project.stepLimit;
    await floor.project.must("up", "--yes", "--skip-preview");
    return { ...floor, count };
}

type Floor = Awaited<ReturnType<typeof floorOf>>;

function addBare(cases: Cases, floor: Floor): void {
    addNothingBare(cases, bare(0), floor);
    for (const pending of pendings) cases.set(bare(pending), () => timeOfBare(floor, pending));
}

function addNothingBare(cases: Cases, name: string, floor: Floor): void {
    cases.set(name, () => timeOfBare(floor, 0));
    cases.set(lean(name), () => timeOfBare(floor, 0, withoutTraces));
}

async function timeOfBare(floor: Floor, pending: number, environment = {}): Promise<number> {
    await floor.declare({ count: floor.count + pending, stdinBytes });
    floor.project.environment = environment;
    return await timed(() => floor.project.must("preview"));
}

function addOurs(cases: Cases, stack: BenchStack, tables: number): void {
    const preview = async (pending: number) => {
        await stack.declare(pending);
        await stack.forgetResults();
        return await stack.timed("preview");
    };
    cases.set(nothing(tables), () => preview(0));
    cases.set(catalogRead(tables), () => timeOfCatalog(stack));
    for (const pending of pendings) {
        cases.set(cold(pending, tables), async () => {
            await stack.forgetShadows();
            return await preview(pending);
        });
        // The rounds begin with another case each.
        cases.set(warm(pending, tables), async () => {
            await preview(1);
            return await preview(pending);
        });
    }
}

/** In a session of its own, as the preview does. */
async function timeOfCatalog(stack: BenchStack): Promise<number> {
    const client = await connect(stack.project.environment, "preview");
    try {
        await client.query("begin transaction read only");
        return await timed(() => readCatalog(client));
    } finally {
        await client.end();
    }
}

/** The same beside the program with Pulumi's defaults and beside the one that does without stack traces, as ours does. */
function nothingRows(name: string, floor: string, of: (name: string) => readonly number[]): Row[] {
    const beside = (title: string, against: string) =>
        row(title, "ms", of(name), { against: { name: against, samples: of(against) }, aim: nothingAim });
    return [beside(name, floor), beside(besideLean(name), lean(floor))];
}

function rowsOf({ tables, warmMs, coldMs }: (typeof sizes)[number], of: (name: string) => readonly number[]): Row[] {
    const less = (samples: readonly number[], others: readonly number[]) =>
        samples.map((sample, index) => sample - (others[index] ?? Number.NaN));
    const pendingRows = (name: string, pending: number, limitMs: number) => [
        row(name, "ms", of(name), { against: { name: bare(pending), samples: of(bare(pending)) } }),
        row(`${name}: more than the bare program`, "ms", less(of(name), of(bare(pending))), {
            aim: atMost(limitMs, "ms"),
        }),
    ];
    return [
        row(catalogRead(tables), "ms", of(catalogRead(tables))),
        ...nothingRows(nothing(tables), bare(0), of),
        row(`${nothing(tables)}: without one catalog read`, "ms", less(of(nothing(tables)), of(catalogRead(tables))), {
            against: { name: bare(0), samples: of(bare(0)) },
            aim: nothingAim,
        }),
        ...pendings.flatMap(pending => [
            ...pendingRows(warm(pending, tables), pending, warmMs),
            ...pendingRows(cold(pending, tables), pending, coldMs),
        ]),
    ];
}
