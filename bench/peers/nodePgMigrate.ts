import { timedCall } from "./call.ts";
import { npmPeer } from "./install.ts";
import type { Peer } from "./peer.ts";
import { npmPeers } from "./pins.ts";
import { writeFiles } from "./write.ts";
import { compileCache, runNode } from "../support/node.ts";

export const nodePgMigrate: Peer = {
    name: "node-pg-migrate",
    version: npmPeers["node-pg-migrate"],
    setting: "all in one transaction, as it does by itself; not verbose",
    install: () => npmPeer("node-pg-migrate", "bin/node-pg-migrate.js"),
    layOut: (folder, migrations) =>
        writeFiles(folder, migrations, ({ version, slug, up, down }) => ({
            [`${version}_${slug}.sql`]: `-- Up Migration\n${up}\n-- Down Migration\n${down}`,
        })),
    async applyAll(folder, url) {
        const program = await npmPeer("node-pg-migrate", "bin/node-pg-migrate.js");
        const args = [program, "up", "--migrations-dir", folder, "--verbose", "false"];
        return (await runNode(args, { cwd: folder, env: { DATABASE_URL: url, ...compileCache } })).tookMs;
    },
    applyInNode: (folder, url) => timedCall("nodePgMigrate.ts", folder, { DATABASE_URL: url }),
};
