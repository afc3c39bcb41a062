import { goPeer } from "./install.ts";
import type { Peer } from "./peer.ts";
import { goPeers } from "./pins.ts";
import { writeFiles } from "./write.ts";
import { runProgram } from "../support/node.ts";

export const golangMigrate: Peer = {
    name: "golang-migrate",
    version: goPeers.migrate.version,
    install: () => goPeer("migrate"),
    layOut: (folder, migrations) =>
        writeFiles(folder, migrations, ({ version, slug, up, down }) => ({
            [`${version}_${slug}.up.sql`]: up,
            [`${version}_${slug}.down.sql`]: down,
        })),
    async applyAll(folder, url) {
        const args = ["-path", folder, "-database", url, "up"];
        return (await runProgram(await goPeer("migrate"), args, { cwd: folder, env: {} })).tookMs;
    },
};
