import pg from "pg";
import type { Environment } from "./copies.ts";

/** What libpq's variables say, for a client of this process. */
export function clientConfig(environment: Environment): pg.ClientConfig {
    return {
        host: environment.PGHOST,
        port: Number(environment.PGPORT),
        user: environment.PGUSER,
        password: environment.PGPASSWORD,
        database: environment.PGDATABASE,
    };
}

/** Makes tables with columns, checks and indexes like those of other teams, in the way of nobody. */
export async function addTables(environment: Environment, count: number): Promise<void> {
    const client = new pg.Client(clientConfig(environment));
    await client.connect();
    try {
        for (let number = 1; number <= count; number += 1) {
            await client.query(`
                create table public.other_${number} (
                    id         bigint generated always as identity primary key,
                    name       text not null default '',
                    size       integer check (size > 0),
                    details    jsonb,
                    owner_id   uuid,
                    created_at timestamptz not null default now()
                );
                create index on public.other_${number} (owner_id, created_at desc)`);
        }
    } finally {
        await client.end();
    }
}

/** The same as one URL, with login and password. */
export function databaseUrl({ PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE }: Environment): string {
    const login = `${encodeURIComponent(PGUSER ?? "")}:${encodeURIComponent(PGPASSWORD ?? "")}`;
    return `postgres://${login}@${PGHOST}:${PGPORT}/${PGDATABASE}?sslmode=disable`;
}
