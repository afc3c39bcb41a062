import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { type Completion, kinds, type Order } from "./completion.ts";
import { trafficName } from "./lockWaits.ts";

// The traffic, in a process of its own: the work of whoever measures must not make it look slow. Started by
// underTraffic.ts, which tells it by message when to end.

/** As pgbench would with 4 clients and a rate of 400/s. */
const clients = 4;
const perSecond = 400;

/** Runs that are read and updated. */
const sampleSize = 20_000;

const statements = {
    select: { name: "read", text: "select id, org_id, created_at, name from public.simulation_runs where id = $1" },
    update: { name: "change", text: "update public.simulation_runs set name = $2 where id = $1" },
    insert: { name: "add", text: "insert into public.simulation_runs (org_id, name) values ($1, $2)" },
};

interface Subjects {
    readonly runs: readonly string[];
    readonly organizations: readonly string[];
}

const completions: Completion[] = [];
let ending = false;

const now = () => performance.timeOrigin + performance.now();
const oneOf = (values: readonly string[]) => values[Math.floor(Math.random() * values.length)] ?? "";

async function login(): Promise<pg.Client> {
    const client = new pg.Client({ application_name: trafficName });
    await client.connect();
    return client;
}

async function subjects(client: pg.Client): Promise<Subjects> {
    const runs = await client.query<{ id: string }>(
        "select id from public.simulation_runs tablesample system (5) limit $1",
        [sampleSize],
    );
    const organizations = await client.query<{ id: string }>("select id from public.organizations");
    return { runs: runs.rows.map(({ id }) => id), organizations: organizations.rows.map(({ id }) => id) };
}

/** Half of the statements read a run, a quarter changes one, a quarter adds one. */
function next({ runs, organizations }: Subjects): { kind: Completion["kind"]; query: pg.QueryConfig } {
    const kind = kinds[Math.max(0, Math.floor(Math.random() * 4) - 1)] ?? "select";
    const values = {
        select: [oneOf(runs)],
        update: [oneOf(runs), `Run changed at ${Date.now()}`],
        insert: [oneOf(organizations), `Run of ${Date.now()}`],
    };
    return { kind, query: { ...statements[kind], values: values[kind] } };
}

/** Sends statements at its pace. What it could not send in time it does not send later: the rate then shows the loss. */
async function send(client: pg.Client, from: Subjects, number: number): Promise<void> {
    const pauseMs = (1000 * clients) / perSecond;
    for (let due = now() + (pauseMs * number) / clients; !ending; due = Math.max(due, now())) {
        due += pauseMs * (0.5 + Math.random());
        await setTimeout(Math.max(0, due - now()));
        const { kind, query } = next(from);
        const started = now();
        const refused = await client.query(query).then(
            () => undefined,
            (error: pg.DatabaseError) => ({ error: `${error.code} ${error.message}` }),
        );
        completions.push({ client: number, kind, started, ended: now(), ...refused });
    }
}

process.on("message", (order: Order) => {
    ending ||= order === "end";
});
// Whoever started this is gone.
process.on("disconnect", () => process.exit(1));

const sessions = await Promise.all(Array.from({ length: clients }, login));
const [first] = sessions;
if (!first) throw new Error("no client");
const found = await subjects(first);
const sending = Promise.all(sessions.map((client, number) => send(client, found, number)));
process.send?.("sending");
await sending;
await Promise.all(sessions.map(client => client.end()));
process.send?.(completions, () => process.disconnect());
process.removeAllListeners("disconnect");
