import type { Environment } from "../support/copies.ts";
import { timed } from "../support/timed.ts";
import type { RowCase } from "./cases.ts";
import { withMigration } from "./withMigration.ts";

/** Changes a table of {@link addTables} and makes one of its own. */
const migration = {
    version: "0001",
    slug: "license",
    up: `-- Gives a table a license.
alter table public.other_1 add column license text;
create policy other_1_read on public.other_1 for select using (license is not null);
create table public.licenses (name text primary key);
grant select on public.licenses to anon;
`,
    down: `-- The licenses are lost.
drop table public.licenses;
drop policy other_1_read on public.other_1;
alter table public.other_1 drop column license;
`,
    verify: "select 1;\n",
};

/**
 * A reader looks at a table again and again while what changed it is rolled back.
 *
 * @returns its longest look, in milliseconds
 */
export async function longestRead(environment: Environment): Promise<number> {
    return await withMigration(migration, environment, async (migrate, client) => {
        await migrate("up");
        return await longestDuring(migrate("down"), () => client.query("select from public.other_1 limit 1"));
    });
}

const trigger = `
    create function public.touch() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger touch before update on public.samples for each row execute function public.touch()`;

/** What a writer is beside. */
export interface Disturbance {
    /** Rows of a table that stays. */
    readonly one: RowCase;
    /** Whether the columns leave, or come back. */
    readonly way: "down" | "up";
    /** Whether the table has a trigger, which must not fire for what comes back. */
    readonly hasTrigger: boolean;
}

/**
 * A writer changes rows here and there while columns of all of them leave or come back.
 *
 * @param count so many rows
 * @returns its longest change, in milliseconds
 */
export async function longestWrite(
    { one, way, hasTrigger }: Disturbance,
    count: number,
    environment: Environment,
): Promise<number> {
    return await withMigration(one.migration, environment, async (migrate, client) => {
        await client.query(one.before);
        if (hasTrigger) await client.query(trigger);
        await migrate("up");
        await client.query(one.fill, [count]);
        await client.query("vacuum analyze");
        if (way === "up") await migrate("down");
        return await longestDuring(migrate(way), () =>
            client.query("update public.samples set run = run where id = $1", [1 + Math.floor(Math.random() * count)]),
        );
    });
}

/** Asks again and again until the other is over. @returns the longest of all, in milliseconds */
async function longestDuring(other: Promise<unknown>, ask: () => Promise<unknown>): Promise<number> {
    let longest = 0;
    let over = false;
    const ended = other.finally(() => {
        over = true;
    });
    // Set meanwhile, by the other's end.
    ended.catch(() => {});
    while (!(over as boolean)) longest = Math.max(longest, await timed(ask));
    await ended;
    return longest;
}
