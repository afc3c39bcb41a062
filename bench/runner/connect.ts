import { enableCompileCache } from "node:module";

// A bare connection: what any step of a stack costs that has to ask the database something.

enableCompileCache(process.env.NODE_COMPILE_CACHE);
const { default: pg } = await import("pg");

const client = new pg.Client();
await client.connect();
await client.query("select 1");
await client.end();
