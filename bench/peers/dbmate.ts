import { npmBinary } from "./install.ts";
import type { Peer } from "./peer.ts";
import { npmPeers } from "./pins.ts";
import { writeFiles } from "./write.ts";
import { runProgram } from "../support/node.ts";

const program = () => npmBinary("dbmate", "@dbmate/", "bin/dbmate");

export const dbmate: Peer = {
    name: "dbmate",
    version: npmPeers.dbmate,
    setting: "its program without the start of Node, no dump of the schema",
    install: program,
    layOut: (folder, migrations) =>
        writeFiles(folder, migrations, ({ version, slug, up, down }) => ({
            [`${version}_${slug}.sql`]: `-- migrate:up\n${up}\n-- migrate:down\n${down}`,
        })),
    async applyAll(folder, url) {
        const args = ["--url", url, "--migrations-dir", folder, "--no-dump-schema", "migrate"];
        return (await runProgram(await program(), args, { cwd: folder, env: {} })).tookMs;
    },
};
