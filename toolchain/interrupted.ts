import { readdir, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { processArguments } from "../local/processIdentity.ts";
import type { LedgerRow } from "../runner/ledger/ledger.ts";
import { runCaptured } from "./child.ts";

/** A stack, and how to run the engine on it. */
interface StackOfEngine {
    /** Folder of the program. */
    readonly root: string;
    readonly stack: string;
    /** The engine's executable. */
    readonly command: string;
    readonly env: NodeJS.ProcessEnv;
    readonly say: (line: string) => void;
}

/** Name of the project, as the engine's files have it. */
const project = "simulation-db";

/** What the engine writes into a lock file. */
interface Lock {
    readonly pid: number;
    readonly hostname: string;
}

/** What the engine had begun and not written down the end of. */
interface PendingOperation {
    readonly type: string;
    readonly resource: { readonly urn: string };
}

/** What the engine knows of a stack. */
interface State {
    readonly resources?: readonly { readonly urn: string }[];
    readonly pending_operations?: readonly PendingOperation[];
}

/**
 * What an update that was killed or failed leaves with the engine: a lock, which nobody else takes away; notes of what
 * it was about to do, of which it warns for ever; and a state that may not know of what a plugin did to its end. So
 * before the next update the lock goes, the state is compared with the database, and a step that was under way comes to
 * its end when what follows goes the other way: what follows would not know of it. Steps may be done again: their
 * commands find what is there already.
 *
 * Of locks only those in files of this machine are taken away, where it can be seen that their owner is dead. In an
 * object store the engine says whose it is, and a person decides (`pulumi cancel`); a service ends them by itself.
 *
 * @param verb what is about to run; before a preview nothing is done, since it needs no lock and changes nothing
 */
export async function clearInterrupted(of: StackOfEngine, verb: string): Promise<void> {
    if (verb === "preview") return;
    const folder = stateFolder(of.env);
    const locks =
        folder === undefined
            ? "none"
            : await removeLocks(join(folder, "locks", "organization", project, of.stack), of.say);
    // The notes of an engine that is at work are its own.
    if (locks === "held") return;
    const books = folder === undefined ? askedFor(of) : inFiles(folder, of.stack);
    const pending = (await books.state()).pending_operations ?? [];
    if (locks === "removed" || pending.length > 0 || (await books.hasFailed())) {
        if ((await compare(of, pending)) === "locked") return;
        await finish(of, pending, await books.state(), verb);
    }
}

/** Where the engine's files are when they are in a folder; undefined for an object store or a service. */
function stateFolder({ PULUMI_BACKEND_URL: backend = "" }: NodeJS.ProcessEnv): string | undefined {
    return backend.startsWith("file:///") ? join(fileURLToPath(backend), ".pulumi") : undefined;
}

/** What is known of a stack's last update, wherever the engine keeps it. */
interface Books {
    state(): Promise<State>;
    /** Whether the last update came to no good end. */
    hasFailed(): Promise<boolean>;
}

/** Looking into the engine's files is a second cheaper than asking the engine. */
function inFiles(folder: string, stack: string): Books {
    return {
        async state() {
            const text = await readFile(join(folder, "stacks", project, `${stack}.json`), "utf8").catch(() => "");
            return json<{ checkpoint?: { latest?: State } }>(text)?.checkpoint?.latest ?? {};
        },
        async hasFailed() {
            const history = join(folder, "history", project, stack);
            const names = (await readdir(history).catch(() => [])).filter(name => name.endsWith(".history.json"));
            const last = names.toSorted().at(-1) ?? "";
            const text = await readFile(join(history, last), "utf8").catch(() => "");
            return /"result": ?"failed"/.test(text);
        },
    };
}

/** Nothing is known of a stack that is not there yet. */
function askedFor({ root, stack, command, env }: StackOfEngine): Books {
    const ask = async (...args: string[]) => {
        const all = [...args, "--stack", stack, "--non-interactive"];
        const { problem, stdout } = await runCaptured(command, all, { cwd: root, env, seconds: 120 });
        return problem === undefined ? stdout : "";
    };
    return {
        state: async () => json<{ deployment?: State }>(await ask("stack", "export"))?.deployment ?? {},
        hasFailed: async () =>
            json<{ result?: string }[]>(await ask("stack", "history", "--json", "--page-size", "1"))?.[0]?.result ===
            "failed",
    };
}

function json<T>(text: string): T | undefined {
    try {
        return JSON.parse(text) as T;
    } catch {
        return undefined;
    }
}

/** Takes away the locks of engines of this machine that live no more. */
async function removeLocks(folder: string, say: (line: string) => void): Promise<"none" | "removed" | "held"> {
    let found: "none" | "removed" = "none";
    for (const name of await readdir(folder).catch(() => [])) {
        if (!name.endsWith(".json")) continue;
        const lock = await readLock(join(folder, name));
        if (lock?.hostname !== hostname() || isEngine(lock.pid)) return "held";
        await rm(join(folder, name), { force: true });
        await rm(join(folder, `${name}.attrs`), { force: true });
        say(`The engine's last run on this stack was killed (process ${lock.pid}). Its lock is taken away.`);
        found = "removed";
    }
    return found;
}

async function readLock(file: string): Promise<Lock | undefined> {
    try {
        return JSON.parse(await readFile(file, "utf8")) as Lock;
    } catch {
        // Gone in this moment, or half written: the engine itself will say.
        return undefined;
    }
}

/** Another process may have that number by now. */
function isEngine(pid: number): boolean {
    return processArguments(pid).some(argument => basename(argument) === "pulumi");
}

/** @returns "locked": somebody else's update is under way, whose notes these are */
async function compare(of: StackOfEngine, pending: readonly PendingOperation[]): Promise<"locked" | undefined> {
    const names = pending.map(({ type, resource }) => `${type} ${nameOf(resource)}`).join(", ");
    of.say(
        `The last update did not come to its end${names && ` (it was ${names})`}. Comparing its state with the database.`,
    );
    const said = await engine(of, "refresh", "--clear-pending-creates");
    return said !== undefined && /stack is currently locked/.test(said) ? "locked" : undefined;
}

/**
 * A step that was being undone goes before an up, one that was being done comes before a destroy. So do migrations of
 * which the engine never heard the end: of those the ledger knows.
 */
async function finish(of: StackOfEngine, pending: readonly PendingOperation[], state: State, verb: string) {
    const [opposite, command] = verb === "destroy" ? ["creating", "up"] : ["deleting", "destroy"];
    const known = (state.resources ?? []).map(({ urn }) => urn).filter(urn => urn.startsWith(stepOf(of, "")));
    const rows = await askLedger(of.env);
    const applied = rows?.map(({ version, squashed }) => stepOf(of, squashed ? "squash" : version)) ?? known;
    // On the way into the squash, or out of it: what stood for one before takes nothing back, whoever removes it.
    const moving = rows?.map(({ version, squashed }) => stepOf(of, squashed ? version : "squash")) ?? [];
    const [these, those] = verb === "destroy" ? [applied, known] : [known, [...applied, ...moving]];
    const apart = these.filter(urn => !those.includes(urn));
    const begun = pending
        .filter(({ type, resource }) => type === opposite && resource.urn.includes("command:local:Command::"))
        .map(({ resource }) => resource.urn);
    const steps = [...new Set([...begun, ...apart])];
    if (steps.length === 0) return;
    of.say(`Finishing what it was ${opposite}: ${steps.map(urn => nameOf({ urn })).join(", ")}.`);
    // The others come after these, and the ledger's claim says what is squashed: the state must know that as well.
    const around = command === "up" ? [...["claim", "hold"].map(name => ledgerStepOf(of, name)), ...applied] : [];
    await engine(of, command, ...[...new Set([...steps, ...around])].flatMap(urn => ["--target", urn]));
}

/** What the engine calls the step of a migration, or of several: components/migrationChain.ts. */
function stepOf({ stack }: StackOfEngine, versionOrSquash: string): string {
    return `urn:pulumi:${stack}::${project}::${project}:database:MigrationChain$command:local:Command::schema-${versionOrSquash}`;
}

/** The same of the ledger: components/ledger.ts. */
function ledgerStepOf({ stack }: StackOfEngine, name: string): string {
    return `urn:pulumi:${stack}::${project}::${project}:database:Ledger$command:local:Command::ledger-${name}`;
}

/** What the ledger has; undefined where the database cannot be asked. */
async function askLedger(env: NodeJS.ProcessEnv): Promise<LedgerRow[] | undefined> {
    // Loaded only where it is needed.
    const { connected } = await import("../runner/database/connection.ts");
    const { readLedger } = await import("../runner/ledger/ledger.ts");
    try {
        return await connected(env, "status", readLedger);
    } catch {
        return undefined;
    }
}

function nameOf({ urn }: PendingOperation["resource"]): string {
    return urn.split("::").at(-1) ?? urn;
}

/**
 * Whatever is in the way here is in the way of the run that follows, which says it in full.
 *
 * @returns what the engine said when it did not work
 */
async function engine(
    { root, stack, command, env, say }: StackOfEngine,
    verb: string,
    ...args: string[]
): Promise<string | undefined> {
    const all = [verb, "--yes", "--skip-preview", ...args, "--stack", stack, "--non-interactive"];
    const { problem, stdout, stderr } = await runCaptured(command, all, { cwd: root, env, seconds: 600 });
    if (problem === undefined) return undefined;
    const said = /^ *(error: .*)$/m.exec(stdout + stderr)?.[1] ?? problem;
    say(`That did not work (${said}). Going on without it.`);
    return said;
}
