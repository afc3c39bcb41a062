import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npmPeer } from "./install.ts";
import type { Peer } from "./peer.ts";
import { npmPeers } from "./pins.ts";
import { writeFiles } from "./write.ts";
import { compileCache, runNode } from "../support/node.ts";

const program = () => npmPeer("graphile-migrate", "dist/cli.js");

export const graphileMigrate: Peer = {
    name: "graphile-migrate",
    version: npmPeers["graphile-migrate"],
    install: program,
    async layOut(folder, migrations) {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, ".gmrc"), "{}\n");
        let previous = "-";
        await writeFiles(join(folder, "migrations", "committed"), migrations, ({ version, slug, up }) => {
            const hash = hashOf(up, previous === "-" ? "" : previous);
            const text = `--! Previous: ${previous}\n--! Hash: ${hash}\n\n${up}`;
            previous = hash;
            return { [`00${version}-${slug}.sql`]: text };
        });
        await writeFile(join(folder, "migrations", "current.sql"), "");
    },
    async applyAll(folder, url) {
        return (
            await runNode([await program(), "migrate"], { cwd: folder, env: { DATABASE_URL: url, ...compileCache } })
        ).tookMs;
    },
};

/** As its dist/hash.js does. */
function hashOf(text: string, previous: string): string {
    const chained = `${`${previous}\n${text.trim()}`.trim()}\n`;
    return `sha1:${createHash("sha1").update(chained).digest("hex")}`;
}
