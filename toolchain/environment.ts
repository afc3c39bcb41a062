import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { LocalServer } from "../local/server.ts";
import { isLoopback } from "../runner/database/loopback.ts";
import { shortName } from "../runner/database/settings.ts";
import { UserError } from "../runner/userError.ts";
import { firstOnPath, pathWith } from "./commandPath.ts";
import type { PulumiCli } from "./pulumiCli.ts";
import { shellQuoted } from "./shellQuoted.ts";
import type { StackFile } from "./stackFile.ts";

/**
 * Encrypts the secrets in the state of the local stack, of which there are none: published on purpose, so that
 * Pulumi.dev.yaml can carry the salt that belongs to it.
 */
const localPassphrase = "simulation-db-dev";

/** Variables of another connection that libpq would prefer to, or mix with, the ones set for the local server. */
const foreignToLocal = ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGOPTIONS", "PGSSLROOTCERT"];

/** Where the local server is, which says nothing of any other. */
const localPlace = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSSLMODE", "SUPABASE_URL"];

/** The engine's home for the local stack. */
export function localPulumiHome(root: string): string {
    return join(root, ".local", "pulumi", "home");
}

/** The folder that the local stack's state lives in. */
export function localStateFolder(root: string): string {
    return join(root, ".local", "pulumi", "state");
}

/** What the environment needs to know of a stack. */
type Stack = Pick<StackFile, "name" | "embedded" | "place">;

/**
 * Whether stand-in plugins may serve a stack: the local one; and, where a test of this project asks for it, one whose
 * database and Storage are on this machine.
 *
 * @throws UserError when it is asked for and one of them is elsewhere
 */
export function standInsServe({ name, embedded, place }: Stack, env: NodeJS.ProcessEnv): boolean {
    if (embedded) return true;
    const asked = env.SIMULATION_DB_STAND_INS;
    if (!asked) return false;
    if (asked !== "loopback") {
        throw new UserError(`SIMULATION_DB_STAND_INS is "${asked}": its only value is loopback.`);
    }
    const api = URL.canParse(place.SUPABASE_URL ?? "") ? new URL(place.SUPABASE_URL ?? "").hostname : "";
    const away = [place.PGHOST ?? "", api].filter(host => !isLoopback(host));
    if (away.length === 0) return true;
    throw new UserError(
        `SIMULATION_DB_STAND_INS is set, and the stack ${name} is not on this machine: ${away.join(" and ")}.`,
        ["take the variable out: it is for the tests of this project, and a real one needs the official plugins"],
    );
}

/** The engine's home for this stack: ours where stand-ins serve, the user's own for any other. */
export function pulumiHomeOf(root: string, stack: Stack, env: NodeJS.ProcessEnv): string {
    if (standInsServe(stack, env)) return localPulumiHome(root);
    return ambientFor(root, stack, env).PULUMI_HOME ?? join(homedir(), ".pulumi");
}

/**
 * What must be set for this stack, and nothing else. The local one gets its own state, passphrase and connection;
 * any other keeps the user's own backend, login and PGPASSWORD, and only gets the programs on PATH.
 */
export function variablesOf(
    root: string,
    stack: Stack,
    parts: {
        readonly cli: PulumiCli | undefined;
        readonly server: LocalServer | undefined;
        readonly env: NodeJS.ProcessEnv;
    },
): Record<string, string> {
    const { cli, server, env } = parts;
    const node = dirname(process.execPath);
    const path = withoutNpm(env.PATH ?? "");
    const withNode = pathWith([node], path);
    // An installed engine may be on the part of PATH that goes with npm's.
    const folders = cli === undefined || firstOnPath("pulumi", withNode) === cli.command ? [] : [dirname(cli.command)];
    const common = {
        PATH: pathWith([node, ...folders], path),
        PULUMI_SKIP_UPDATE_CHECK: "1",
        // For plain pulumi, which would take the one that was selected last.
        PULUMI_STACK: stack.name,
        // What Node has compiled of the stack's program and the SDK: without it a preview takes 0.4 s longer.
        ...(env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE } : {}),
        // As the stack itself names it in the ledger.
        SIMULATION_DB_STACK: `simulation-db/${shortName(stack.name)}`,
    };
    if (!stack.embedded) return standInsServe(stack, env) ? { ...common, PULUMI_HOME: localPulumiHome(root) } : common;
    return {
        ...common,
        PULUMI_HOME: localPulumiHome(root),
        PULUMI_BACKEND_URL: localBackend(root),
        PULUMI_CONFIG_PASSPHRASE: localPassphrase,
        ...(server === undefined ? {} : connectionOf(server)),
    };
}

/**
 * The ambient environment without what belongs to another stack: after `eval "$(npm run -s env)"` a shell carries the
 * local engine's home, where stand-in plugins may be, and the local state; neither may reach a real project.
 */
export function ambientFor(root: string, stack: Stack, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const rest = { ...env };
    // The stack's file says it, and says nothing where it is on; steps would take over what is in the shell.
    delete rest.SIMULATION_DB_ARCHIVE;
    if (stack.embedded) {
        for (const name of foreignToLocal) delete rest[name];
        return rest;
    }
    if (rest.PULUMI_HOME === localPulumiHome(root)) delete rest.PULUMI_HOME;
    if (rest.PULUMI_BACKEND_URL === localBackend(root)) {
        // The sign of that `eval`. The password and the key stay: they may have been set anew since.
        for (const name of ["PULUMI_BACKEND_URL", ...localPlace]) delete rest[name];
    }
    if (rest.PULUMI_CONFIG_PASSPHRASE === localPassphrase) delete rest.PULUMI_CONFIG_PASSPHRASE;
    return rest;
}

/** Lines for `eval` in a POSIX shell: what it takes on, and which of its variables it must not keep. */
export function evalLines(variables: Readonly<Record<string, string>>, gone: readonly string[]): string {
    const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${shellQuoted(value)}\n`);
    return [...gone.map(name => `unset ${name}\n`), ...exports].join("");
}

/** The user's own PATH: what `npm run` put in front of it ends with a folder for node-gyp. */
function withoutNpm(path: string): string {
    const folders = path.split(delimiter);
    return folders.slice(folders.findLastIndex(folder => folder.endsWith("node-gyp-bin")) + 1).join(delimiter);
}

/** The engine parses this as a URL: blanks and the like in the path must be escaped. */
function localBackend(root: string): string {
    return pathToFileURL(localStateFolder(root)).href;
}

function connectionOf(server: LocalServer): Record<string, string> {
    return {
        PGHOST: server.host,
        PGPORT: String(server.port),
        PGDATABASE: server.database,
        PGUSER: server.user,
        PGPASSWORD: server.password,
        PGSSLMODE: "disable",
        SUPABASE_URL: server.storageUrl,
        SUPABASE_SERVICE_ROLE_KEY: server.serviceRoleKey,
    };
}
