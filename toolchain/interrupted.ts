import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { processArguments } from "../local/processIdentity.ts";
import { shortName } from "../runner/database/settings.ts";
import type { LedgerRow } from "../runner/ledger/ledger.ts";
import { UserError } from "../runner/userError.ts";
import { runCaptured, runForeground } from "./child.ts";
import { ledgerStep, migrationStep, project } from "./stepUrn.ts";

/** A stack, and how to run the engine on it. */
interface StackOfEngine {
    /** Folder of the program. */
    readonly root: string;
    /** As the user named it; the engine's files and URNs have its short name. */
    readonly stack: string;
    /** The engine's executable. */
    readonly command: string;
    readonly env: NodeJS.ProcessEnv;
    readonly say: (line: string) => void;
}

/** What the engine writes into a lock file. */
interface Lock {
    readonly pid: number;
    readonly hostname: string;
}

/** The lock of an engine of this machine that lives no more. */
interface DeadLock {
    readonly file: string;
    readonly text: string;
    readonly pid: number;
}

/** What the engine had begun and not written down the end of. */
interface PendingOperation {
    readonly type: string;
    readonly resource: { readonly urn: string };
}

/** What the engine knows of a stack. */
interface State {
    readonly resources?: readonly { readonly urn: string; readonly outputs?: { readonly stdout?: string } }[];
    readonly pending_operations?: readonly PendingOperation[];
}

/**
 * Runs the engine, and before that sees to what an interrupted update left ({@link clearInterrupted}); where the run only
 * looks, that waits for the next update.
 *
 * @param command the engine's verb and its arguments
 * @param run does it
 * @returns what `run` does: its exit code
 * @throws UserError as {@link clearInterrupted} does
 */
export async function afterInterrupted(
    of: StackOfEngine,
    command: readonly string[],
    run: () => Promise<number>,
): Promise<number> {
    const [verb = "", ...args] = command;
    // It asks for no lock.
    if (verb === "preview") return await run();
    if (onlyLooks(args, of.env)) return await besideDeadLocks(of, run);
    await clearInterrupted(of, verb);
    return await run();
}

/** `--preview` is the word of `npm run destroy`; elsewhere the engine refuses it, and nothing has to be cleared for that. */
function onlyLooks(args: readonly string[], { PULUMI_OPTION_PREVIEW_ONLY: option = "" }: NodeJS.ProcessEnv): boolean {
    return args.some(each => /^--preview(-only(=(1|t|true))?)?$/i.test(each)) || /^(1|true)$/i.test(option);
}

/**
 * The engine locks the stack for the preview of a destroy, too: the lock of a dead one is laid aside for so long. It
 * comes back, as it tells the next update that a run was killed.
 */
async function besideDeadLocks(of: StackOfEngine, look: () => Promise<number>): Promise<number> {
    const dead = await deadLocks(of);
    if (dead === "held") return await look();
    for (const { file, pid } of dead) {
        await rm(file, { force: true });
        of.say(`The engine's last run on this stack was killed (process ${pid}). The next up or destroy sees to that.`);
    }
    try {
        return await look();
    } finally {
        for (const { file, text } of dead) {
            await mkdir(dirname(file), { recursive: true });
            await writeFile(file, text);
        }
    }
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
 * @param verb what is about to run, and not only to look
 * @throws UserError when ^C or SIGTERM comes while a step is brought to its end: what was asked for must not begin then
 */
export async function clearInterrupted(of: StackOfEngine, verb: string): Promise<void> {
    const dead = await deadLocks(of);
    // The notes of an engine that is at work are its own.
    if (dead === "held") return;
    for (const { file, pid } of dead) {
        await rm(file, { force: true });
        await rm(`${file}.attrs`, { force: true });
        of.say(`The engine's last run on this stack was killed (process ${pid}). Its lock is taken away.`);
    }
    const folder = stateFolder(of.env);
    const books = folder === undefined ? askedFor(of) : inFiles(folder, shortName(of.stack));
    const pending = (await books.state()).pending_operations ?? [];
    if (dead.length > 0 || pending.length > 0 || (await books.hasFailed())) {
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

/** @returns "held" where the stack is locked by an engine that lives, or by one of another machine */
async function deadLocks({ stack, env }: StackOfEngine): Promise<readonly DeadLock[] | "held"> {
    const state = stateFolder(env);
    if (state === undefined) return [];
    const folder = join(state, "locks", "organization", project, shortName(stack));
    const found: DeadLock[] = [];
    for (const name of await readdir(folder).catch(() => [])) {
        if (!name.endsWith(".json")) continue;
        const file = join(folder, name);
        const text = await readFile(file, "utf8").catch(() => "");
        // Undefined where it is gone in this moment, or half written: the engine itself will say.
        const lock = json<Lock>(text);
        if (lock?.hostname !== hostname() || isEngine(lock.pid)) return "held";
        found.push({ file, text, pid: lock.pid });
    }
    return found;
}

/** Another process may have that number by now. */
function isEngine(pid: number): boolean {
    return processArguments(pid).some(argument => basename(argument) === "pulumi");
}

/** What the engine says of a stack that another run is at work on: where its state is in files, and Pulumi Cloud. */
const atWork = /stack is currently locked|Another update is currently in progress/;

/** @returns "locked": somebody else's update is under way, whose notes these are */
async function compare(of: StackOfEngine, pending: readonly PendingOperation[]): Promise<"locked" | undefined> {
    const names = pending.map(({ type, resource }) => `${type} ${nameOf(resource)}`).join(", ");
    of.say(
        `The last update did not come to its end${names && ` (it was ${names})`}. Comparing its state with the database.`,
    );
    const said = await refresh(of);
    return said !== undefined && atWork.test(said) ? "locked" : undefined;
}

/**
 * A step that was being undone goes before an up, one that was being done comes before a destroy. So do migrations of
 * which the engine never heard the end: of those the ledger knows.
 */
async function finish(of: StackOfEngine, pending: readonly PendingOperation[], state: State, verb: string) {
    const [opposite, command] = verb === "destroy" ? ["creating", "up"] : ["deleting", "destroy"];
    const { resources = [] } = state;
    const stepOf = (versionOrSquash: string) => migrationStep(of.stack, versionOrSquash);
    const known = resources.map(({ urn }) => urn).filter(urn => urn.startsWith(stepOf("")));
    const claim = resources.find(({ urn }) => urn === ledgerStep(of.stack, "claim"));
    const rows = await askLedger(of.env, claim?.outputs?.stdout);
    const applied = rows?.map(({ version, squashed }) => stepOf(squashed ? "squash" : version)) ?? known;
    // On the way into the squash, or out of it: what stood for one before takes nothing back, whoever removes it.
    const moving = rows?.map(({ version, squashed }) => stepOf(squashed ? version : "squash")) ?? [];
    const [these, those] = verb === "destroy" ? [applied, known] : [known, [...applied, ...moving]];
    const apart = these.filter(urn => !those.includes(urn));
    const begun = pending
        .filter(({ type, resource }) => type === opposite && resource.urn.includes("command:local:Command::"))
        .map(({ resource }) => resource.urn);
    const steps = [...new Set([...begun, ...apart])];
    if (steps.length === 0) return;
    of.say(`Finishing what it was ${opposite}: ${steps.map(urn => nameOf({ urn })).join(", ")}.`);
    // The others come after these, and the ledger's claim says what is squashed: the state must know that as well.
    const around = command === "up" ? [ledgerStep(of.stack, "claim"), ledgerStep(of.stack, "hold"), ...applied] : [];
    const targets = [...new Set([...steps, ...around])].flatMap(urn => ["--target", urn]);
    await runSteps(of, [command, ...unattended(of), ...targets], verb);
}

/**
 * These may be migrations and rollbacks, which take as long as they take: a person sees them, and ends them like any
 * other run.
 *
 * @throws UserError when somebody does: what follows is not wanted then
 */
async function runSteps({ root, command, env, say }: StackOfEngine, args: readonly string[], verb: string) {
    let ended = false;
    const note = () => {
        ended = true;
    };
    process.on("SIGINT", note).on("SIGTERM", note);
    let code: number;
    try {
        // What was asked for may be JSON.
        code = await runForeground(command, args, { cwd: root, env, stdout: 2 });
    } finally {
        process.off("SIGINT", note).off("SIGTERM", note);
    }
    if (ended) {
        throw new UserError(`The ${verb} has not begun: it was ended while it finished what the last update left.`, [
            "run the same command again: it goes on with that",
        ]);
    }
    if (code !== 0) say(wentWrong(`ended with exit code ${code}`));
}

/**
 * What the ledger has; undefined where the database cannot be asked. So it is where the file names another one than the
 * state has claimed: what that one lacks was not taken away from the stack's own.
 *
 * @param claimed what the claim printed
 */
async function askLedger(env: NodeJS.ProcessEnv, claimed: string | undefined): Promise<LedgerRow[] | undefined> {
    // Loaded only where it is needed.
    const { connected } = await import("../runner/database/connection.ts");
    const { readIdentity, requireSameDatabase } = await import("../runner/database/identity.ts");
    const { readLedger } = await import("../runner/ledger/ledger.ts");
    const { expectedIdentity } = await import("../runner/stackOutput.ts");
    try {
        return await connected(env, "status", async client => {
            requireSameDatabase(expectedIdentity({ PULUMI_COMMAND_STDOUT: claimed }), await readIdentity(client));
            return await readLedger(client);
        });
    } catch {
        return undefined;
    }
}

function nameOf({ urn }: PendingOperation["resource"]): string {
    return urn.split("::").at(-1) ?? urn;
}

/** @returns what the engine said when it did not work */
async function refresh(of: StackOfEngine): Promise<string | undefined> {
    const args = ["refresh", ...unattended(of), "--clear-pending-creates"];
    const { problem, stdout, stderr } = await runCaptured(of.command, args, {
        cwd: of.root,
        env: of.env,
        seconds: 600,
    });
    if (problem === undefined) return undefined;
    const said = /^ *(error: .*)$/m.exec(stdout + stderr)?.[1] ?? problem;
    of.say(wentWrong(said));
    return said;
}

function unattended({ stack }: StackOfEngine): string[] {
    return ["--yes", "--skip-preview", "--non-interactive", "--stack", stack];
}

/** Whatever is in the way here is in the way of the run that follows, which says it in full. */
function wentWrong(why: string): string {
    return `That did not work (${why}). Going on without it.`;
}
