import type pg from "pg";
import { type ProjectCopies, projectCopies } from "../support/copies.ts";
import { lockWaitSettings } from "./lockWaits.ts";

/** A server that writes to the disk as a real one does, with a project that has so many rows in simulation_runs. */
export async function liveGround(rows: number): Promise<ProjectCopies> {
    const durable = { fsync: "on", full_page_writes: "on", max_wal_size: "8GB", checkpoint_timeout: "1h" };
    return await projectCopies({
        settings: { ...durable, ...lockWaitSettings },
        prepare: admin => fill(admin, rows),
    });
}

/** Random keys over the whole table, as an application's are. */
async function fill(admin: pg.Client, rows: number): Promise<void> {
    // As a restore would: without looking up the organization of each row.
    await admin.query("set session_replication_role = replica");
    await admin.query(
        `insert into public.organizations (name, slug)
         select 'Organization ' || n, 'organization-' || n from generate_series(1, 5000) as n`,
    );
    await admin.query(
        `insert into public.simulation_runs (org_id, created_at, name)
         select ids[1 + (random() * 5000)::integer % 5000], now() - random() * interval '2 years', 'Run ' || n
         from generate_series(1, $1::integer) as n, (select array_agg(id) as ids from public.organizations) as o`,
        [rows],
    );
    await admin.query("vacuum (freeze, analyze)");
}
