import { randomBytes } from "node:crypto";
import pg from "pg";
import type { PostgresMajor } from "../../local/cluster.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { UserError } from "../../runner/userError.ts";
import type { Look } from "../look/look.ts";
import type { Progress } from "../trial/progress.ts";
import { standIns } from "./extensions.ts";
import { moveIn } from "./fill.ts";
import { startFilled, watchDatabase } from "./filled.ts";
import { takePlace } from "./place.ts";
import { platformOf } from "./platform.ts";
import { ShadowServer } from "./server.ts";
import type { Shadow, ShadowNeeds } from "./shadow.ts";

/** The majors that npm has for us. */
const majors: readonly number[] = [15, 17] satisfies PostgresMajor[];

/**
 * Starts an embedded PostgreSQL of the target's major, on a free port of this machine, with a copy of the target's catalog
 * in it: one that an earlier preview of the same catalog has kept, or a new one.
 *
 * @throws UserError why there can be none
 */
export async function embeddedShadow(
    environment: Environment,
    look: Look,
    needs: ShadowNeeds,
    progress: Progress,
): Promise<Shadow> {
    if (!majors.includes(look.major)) {
        throw new UserError(
            `the target is PostgreSQL ${look.major}, and the embedded ones are ${majors.join(" and ")}`,
        );
    }
    progress.enter("starting shadow");
    return await within(roomFor(look));

    async function within(bytes: number): Promise<Shadow> {
        const server = new ShadowServer(await takePlace(bytes), look.major as PostgresMajor);
        try {
            return await shadowOn(server, environment, look, needs, progress);
        } catch (error) {
            const wasFull = await server.place.hasFilledMemory();
            await server.leave();
            // Others took what was free at the start: on the disk then.
            if (wasFull) return await within(Infinity);
            throw error;
        }
    }
}

async function shadowOn(
    server: ShadowServer,
    environment: Environment,
    look: Look,
    { comingRoles, migrationTexts }: ShadowNeeds,
    progress: Progress,
): Promise<Shadow> {
    const extended = await standIns(server.place.folder, server.major, look.extensionFiles, migrationTexts);
    const { copy, superuser } = await startFilled(server, { environment, look, extended, progress });
    const { gaps } = extended;
    const { name } = look.database;
    const admin = await server.as(superuser, name);
    const { client, notes, missing } = await moveIn(admin, look, {
        comingRoles,
        database: { name, shared: false },
        enter: async () => {
            const password = randomBytes(24).toString("base64url");
            const may = look.runsAs === look.login ? "" : "login";
            await admin.query(`alter role ${pg.escapeIdentifier(look.runsAs)} ${may} password '${password}'`);
            return await server.as({ user: look.runsAs, password }, name);
        },
    });
    const standInNotes = gaps.standIns.map(
        name => `the extension ${name} is not there for the shadow: a stand-in without content takes its place`,
    );
    return {
        ...platformOf(look),
        client,
        admin,
        watcher: await server.as(superuser, watchDatabase),
        database: name,
        proof: { level: "embedded shadow", notes: [...copy.notes, ...notes, ...standInNotes] },
        made: `PostgreSQL ${look.major}, catalog copied by ${copy.copiedBy}`,
        gaps: { ...gaps, names: new Set([...gaps.names, ...copy.missing, ...missing]) },
        end: () => server.leave(),
    };
}

/** About how big the files of a server with this catalog become, in bytes: each table and index has some, mostly empty. */
function roomFor({ catalog }: Look): number {
    const relations = [...catalog.keys()].filter(key => /^(table|materialized view|index) /.test(key)).length;
    return 2 ** 28 + relations * 2 ** 16;
}
