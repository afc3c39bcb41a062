import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import pg from "pg";
import { findTools } from "../../runner/backup/tools.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { explain } from "../../runner/userError.ts";
import { hashOfCatalog, type Look } from "../look/look.ts";
import { codeHash } from "../ownCode.ts";
import { redacted } from "../report/redact.ts";
import type { Progress } from "../trial/progress.ts";
import type { ExtendedServer } from "./extensions.ts";
import { type CatalogCopy, copyCatalog, readCopy } from "./fill.ts";
import { makeRoles } from "./roles.ts";
import { type Login, makeDataDir, type ShadowServer } from "./server.ts";
import { forgetTemplate, keepTemplate, takeTemplate } from "./templates.ts";

/** What is known of a server with the target's catalog in it. */
interface Filled {
    /** Whose: its identity. */
    readonly target: string;
    readonly superuser: Login;
    readonly copy: CatalogCopy;
}

/** Where the server counts statements for us: no part of the copy. */
export const watchDatabase = "template1";

interface Wanted {
    readonly environment: Environment;
    readonly look: Look;
    readonly extended: ExtendedServer;
    readonly progress: Progress;
}

/**
 * Starts the server with the target's roles and catalog in it: as an earlier preview has kept it, or made anew and kept
 * for the next one.
 *
 * @throws UserError why there can be none
 */
export async function startFilled(server: ShadowServer, wanted: Wanted): Promise<Filled> {
    const name = await nameOf(wanted);
    if (name !== undefined) {
        const kept = await startKept(server, name, wanted);
        if (kept) return kept;
    }
    const filled = await fillNew(server, wanted);
    if (name !== undefined) await keepTemplate(name, server.place, filled);
    return filled;
}

async function startKept(server: ShadowServer, name: string, { extended, look }: Wanted): Promise<Filled | undefined> {
    const kept = await takeTemplate<Filled>(name, server.place);
    if (!kept) return undefined;
    try {
        await server.start(extended.postgres);
        const admin = await server.as(kept.superuser, look.database.name);
        // Nobody waited for the disk when it was kept, and a power cut may have emptied files of it.
        if (hashOfCatalog(await readCopy(admin)) === kept.copy.catalogHash) return kept;
        throw new Error("it is not what was kept");
    } catch {
        await server.stop();
        await forgetTemplate(name, server.place);
        await rm(server.place.dataDir, { recursive: true, force: true });
        return undefined;
    }
}

/** Nobody writes to it any more when this is done. */
async function fillNew(server: ShadowServer, { environment, look, extended, progress }: Wanted): Promise<Filled> {
    const first = await makeDataDir(server.place, server.major);
    await server.start(extended.postgres);
    const watcher = await server.as(first, watchDatabase);
    await watcher.query("create extension pg_stat_statements");
    const superuser = await takeName(server, first, look.bootstrapRole);
    const maker = await server.as(superuser, "postgres");
    const roleNotes = await makeRoles(maker, look, [superuser.user]);
    const { name } = look.database;
    if (name !== "postgres") await maker.query(`create database ${pg.escapeIdentifier(name)} template template0`);
    progress.enter("copying catalog");
    const admin = await server.as(superuser, name);
    const copy = await copyCatalog(admin, environment, look, { name, shared: false });
    await admin.query("checkpoint");
    return { target: look.identity, superuser, copy: { ...copy, notes: [...roleNotes, ...copy.notes] } };
}

/** The role that initdb made is called as on the target, since it owns and grants what nobody else does. */
async function takeName(server: ShadowServer, first: Login, name: string): Promise<Login> {
    if (name === first.user) return first;
    const maker = await server.as(first, "postgres");
    await maker.query(`create role shadow_renamer superuser login password '${first.password}'`);
    const renamer = await server.as({ user: "shadow_renamer", password: first.password }, "postgres");
    // A name that changes takes its old form of password with it only where that was md5.
    await renamer.query(`alter role ${pg.escapeIdentifier(first.user)} rename to ${pg.escapeIdentifier(name)}`);
    await renamer.end();
    const superuser = { user: name, password: first.password };
    const renamed = await server.as(superuser, "postgres");
    await renamed.query("drop role shadow_renamer");
    return superuser;
}

/**
 * The name under which a server with the target's catalog is kept: the same again only while nothing changes that has a
 * say in it. What belongs to one preview alone, such as settings and the ledger, comes later and has none.
 *
 * @returns undefined: it may hold a secret, and is not kept
 */
async function nameOf({ environment, look, extended }: Wanted): Promise<string | undefined> {
    if (mayHoldSecrets(look)) return undefined;
    const path = environment.PATH ?? process.env.PATH;
    // pg_dump copies better than what does without it.
    const tools = await findTools("server", look.major, { ...environment, PATH: path }).catch(explain);
    const { catalogHash, serverVersion, bootstrapRole, database, login, hasSupautils, extensionFiles } = look;
    const all = [catalogHash, serverVersion, bootstrapRole, database, login, hasSupautils, extensionFiles];
    const hash = createHash("sha256").update(await codeHash());
    hash.update(JSON.stringify([...all, extended.gaps.standIns, tools]));
    return `filled-${look.major}-${hash.digest("hex").slice(0, 16)}`;
}

/** A copy has texts of which the look has the hash alone, and others that may have a secret in them. */
function mayHoldSecrets({ catalog }: Look): boolean {
    return [...catalog].some(
        ([key, definition]) =>
            key.startsWith("user mapping of ") ||
            (key.startsWith("foreign ") && /\boptions [0-9a-f]{32}/.test(definition)) ||
            redacted(definition) !== definition,
    );
}
