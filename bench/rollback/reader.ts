import pg from "pg";
import { migrationFolder } from "../runner/folder.ts";
import type { Environment } from "../support/copies.ts";
import { clientConfig } from "../support/database.ts";
import { runNode, runnerMain } from "../support/node.ts";
import { timed } from "../support/timed.ts";

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

/** A reader looks at the table again and again while it is rolled back. @returns its longest look, in milliseconds */
export async function longestWait(environment: Environment): Promise<number> {
    const folder = await migrationFolder([migration]);
    const migrate = (direction: string) =>
        runNode([runnerMain, "migrate", direction], { cwd: folder.folder, env: environment });
    const reader = new pg.Client(clientConfig(environment));
    await reader.connect();
    try {
        await migrate("up");
        let longest = 0;
        let over = false;
        const rollback = migrate("down").finally(() => {
            over = true;
        });
        // Set meanwhile, by the rollback's end.
        while (!(over as boolean)) {
            longest = Math.max(longest, await timed(() => reader.query("select from public.other_1 limit 1")));
        }
        await rollback;
        return longest;
    } finally {
        await reader.end();
        await folder.remove();
    }
}
