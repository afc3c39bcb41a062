import { goPeer } from "./install.ts";
import type { Peer } from "./peer.ts";
import { goPeers } from "./pins.ts";
import { writeFiles } from "./write.ts";
import { runProgram } from "../support/node.ts";

export const goose: Peer = {
    name: "goose",
    version: goPeers.goose.version,
    install: () => goPeer("goose"),
    layOut: (folder, migrations) =>
        writeFiles(folder, migrations, ({ version, slug, up, down }) => ({
            [`${version}_${slug}.sql`]: `-- +goose Up\n${up}\n-- +goose Down\n${down}`,
        })),
    async applyAll(folder, url) {
        const args = ["-dir", folder, "postgres", url, "up"];
        return (await runProgram(await goPeer("goose"), args, { cwd: folder, env: {} })).tookMs;
    },
};
