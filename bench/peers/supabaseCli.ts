import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npmBinary } from "./install.ts";
import type { Peer } from "./peer.ts";
import { npmPeers } from "./pins.ts";
import { writeFiles } from "./write.ts";
import { runProgram } from "../support/node.ts";

const program = () => npmBinary("supabase", "@supabase/cli-", "bin/supabase");

export const supabaseCli: Peer = {
    name: "Supabase CLI",
    version: npmPeers.supabase,
    setting: "its program without the start of Node, no telemetry",
    install: program,
    async layOut(folder, migrations) {
        await writeFiles(join(folder, "supabase", "migrations"), migrations, ({ version, slug, up }) => ({
            [`2026010100${version}_${slug}.sql`]: up,
        }));
        await writeFile(join(folder, "supabase", "config.toml"), 'project_id = "bench"\n');
    },
    async applyAll(folder, url) {
        const args = ["db", "push", "--db-url", url, "--workdir", folder, "--yes"];
        const env = { HOME: folder, DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1" };
        return (await runProgram(await program(), args, { cwd: folder, env })).tookMs;
    },
};
