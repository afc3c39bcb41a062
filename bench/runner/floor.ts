import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// The least that a runner in Node can do and still keep a ledger: one connection, an advisory lock, and for each
// migration a transaction with its row in the ledger. No checks, no verify, no retries, no undo.

enableCompileCache(process.env.NODE_COMPILE_CACHE);
const { default: pg } = await import("pg");

const client = new pg.Client();
await client.connect();
await client.query("select pg_advisory_lock(1)");
await client.query(
    "create table if not exists public.floor_ledger (name text primary key, hash text, at timestamptz default now())",
);
const { rows } = await client.query<{ name: string }>("select name from public.floor_ledger");
const applied = new Set(rows.map(({ name }) => name));

for (const name of (await readdir("sql")).filter(entry => /^\d{4}_/.test(entry)).sort()) {
    if (applied.has(name)) continue;
    const sql = await readFile(join("sql", name, "up.sql"), "utf8");
    await client.query("begin");
    await client.query(sql);
    await client.query("insert into public.floor_ledger (name, hash) values ($1, $2)", [
        name,
        createHash("sha256").update(sql).digest("hex"),
    ]);
    await client.query("commit");
}
await client.end();
