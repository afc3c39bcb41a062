import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import pg from "pg";
import type { BaselineShape } from "../../local/baseline.ts";
import type { PostgresMajor } from "../../local/cluster.ts";
import { makeSecrets } from "../../local/secrets.ts";
import { startStorage } from "../../local/storage/server.ts";
import { signToken } from "../../local/storage/token.ts";
import { type TestCluster, testCluster } from "./cluster.ts";

/** A Supabase-shaped project for a stack to run on: a database of its own and a Storage endpoint before it. */
export interface StackTarget {
    readonly cluster: TestCluster;
    /** Where both are and how to log in: what `npm run env` would say. */
    readonly environment: Readonly<Record<string, string>>;
    /** What may stand nowhere outside the environment. */
    readonly secrets: readonly string[];
    /** As the superuser, for looking and for what others would do. */
    readonly admin: pg.Client;
    /** Storage as a signed-in user sees it. */
    storageAs(user: string): Promise<StorageClient>;
    /** Storage with the service key. */
    storageAsService(): Promise<StorageClient>;
    stop(): Promise<void>;
}

type StorageClient = ReturnType<typeof createClient>["storage"];

/** Makes a target. The caller stops it, which removes all of it. */
export async function stackTarget(options: {
    readonly major: PostgresMajor;
    readonly shape?: Partial<BaselineShape>;
    readonly settings?: Readonly<Record<string, string>>;
}): Promise<StackTarget> {
    const { jwtSecret, serviceRoleKey } = makeSecrets();
    const cluster = await testCluster(options);
    const filesDir = await mkdtemp(join(tmpdir(), "simulation-db-storage-"));
    // A login of its own, as in a real project: the password of postgres may change.
    const storage = await startStorage({ database: cluster.adminUrl(), jwtSecret, filesDir });
    const admin = new pg.Client(cluster.adminUrl());
    const storageWith = (token: string) =>
        createClient(storage.url, token, { auth: { persistSession: false, autoRefreshToken: false } }).storage;
    // The server may be stopped under it.
    admin.on("error", () => {});
    await admin.connect();
    return {
        cluster,
        environment: { ...cluster.environment, SUPABASE_URL: storage.url, SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey },
        secrets: [cluster.environment.PGPASSWORD ?? "", serviceRoleKey, jwtSecret],
        admin,
        storageAs: async user => storageWith(await signToken(jwtSecret, { role: "authenticated", sub: user })),
        storageAsService: async () => storageWith(serviceRoleKey),
        async stop() {
            await admin.end().catch(() => {});
            await storage.close();
            await cluster.stop();
            await rm(filesDir, { recursive: true, force: true });
        },
    };
}
