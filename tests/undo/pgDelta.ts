import { extract } from "@supabase/pg-delta";
import type pg from "pg";

/**
 * A second opinion on whether two catalogs are equal: the fingerprint of a library that reads them in its own way. Sees
 * what the client's own open transaction has done.
 */
export async function rootHash(client: pg.Client): Promise<string> {
    // The library opens and ends a transaction of its own; inside another one, that is left out.
    const query = (text: string, ...rest: unknown[]) =>
        /^(BEGIN|COMMIT|ROLLBACK)/.test(text)
            ? Promise.resolve()
            : (client.query as (...all: unknown[]) => unknown).call(client, text, ...rest);
    const pool = { connect: () => Promise.resolve({ query, release() {} }) };
    const { factBase } = await extract(pool as unknown as pg.Pool);
    return factBase.rootHash;
}
