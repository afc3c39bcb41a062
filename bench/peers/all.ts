import { dbmate } from "./dbmate.ts";
import { golangMigrate } from "./golangMigrate.ts";
import { goose } from "./goose.ts";
import { graphileMigrate } from "./graphileMigrate.ts";
import { nodePgMigrate } from "./nodePgMigrate.ts";
import type { Peer } from "./peer.ts";
import { supabaseCli } from "./supabaseCli.ts";

/** All that are compared with. */
export const peers: readonly Peer[] = [dbmate, goose, golangMigrate, nodePgMigrate, graphileMigrate, supabaseCli];

/** Gets them. One that cannot be had here is told and left out: the others are measured all the same. */
export async function obtainable<Tool extends Pick<Peer, "name" | "version" | "install">>(
    all: readonly Tool[],
    say: (line: string) => void,
): Promise<{ readonly found: readonly Tool[]; readonly leftOut: readonly string[] }> {
    const found: Tool[] = [];
    const leftOut: string[] = [];
    for (const peer of all) {
        try {
            await peer.install();
            found.push(peer);
        } catch (error) {
            const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
            leftOut.push(peer.name);
            say(`${peer.name} ${peer.version} cannot be had here and is left out: ${reason}`);
        }
    }
    return { found, leftOut };
}
