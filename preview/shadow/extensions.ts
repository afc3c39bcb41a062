import { execFile } from "node:child_process";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { PostgresMajor } from "../../local/cluster.ts";
import { postgresBinaries } from "../../local/postgresBinaries.ts";
import { splitStatements } from "../../runner/migration/statements.ts";
import type { TargetExtensionFile } from "../look/extensions.ts";
import type { Gaps } from "./shadow.ts";

/** A server program that knows the extensions of the target, of some only the outside. */
export interface ExtendedServer {
    /** Undefined: the installed one has all that is needed. */
    readonly postgres?: string;
    readonly gaps: Gaps;
}

/**
 * Makes stand-ins for extensions of the target that this PostgreSQL does not have: with their types, tables, functions
 * and operators, none of which does anything. They are put beside a private copy of the program (hard links), where
 * nobody else finds them.
 *
 * @param folder for the copy; it goes with the shadow
 * @param texts of the migrations: what the target could have is stood in for when they create it
 */
export async function standIns(
    folder: string,
    major: PostgresMajor,
    extensions: readonly TargetExtensionFile[],
    texts: readonly string[],
): Promise<ExtendedServer> {
    const { postgres } = await postgresBinaries(major);
    const native = dirname(dirname(postgres));
    const here = new Set((await readdir(extensionFolder(native))).filter(isControl).map(name => name.slice(0, -8)));
    const missing = extensions.filter(({ name }) => !here.has(name));
    const created = await createdIn(texts);
    const wanted = missing.filter(({ name, installed }) => installed || created.has(name));
    const gaps: Gaps = {
        standIns: wanted.map(({ name }) => name),
        names: new Set(wanted.flatMap(({ name, names }) => [name, ...names])),
        unknownContent: wanted.some(({ installed }) => !installed),
    };
    if (wanted.length === 0) return { gaps };
    const copy = join(folder, "native");
    await copyLinked(native, copy);
    for (const extension of wanted) await writeStandIn(extensionFolder(copy), extension);
    return { postgres: join(copy, "bin", "postgres"), gaps };
}

/** In a DO block, whose code the parser takes for a text. */
const createdByCode = /\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?"?([\w-]+)/gi;

/** The extensions that the texts create. That a comment or a longer word has the name of one says nothing. */
async function createdIn(texts: readonly string[]): Promise<Set<string>> {
    const created = new Set<string>();
    for (const text of texts) {
        // A text with a mistake in it is told with its place where it is tried.
        for (const { kind, tree, text: statement } of await splitStatements(text, "").catch(() => [])) {
            if (kind === "CreateExtensionStmt") created.add(tree.extname as string);
            if (kind === "DoStmt") for (const [, name = ""] of statement.matchAll(createdByCode)) created.add(name);
        }
    }
    return created;
}

function extensionFolder(native: string): string {
    return join(native, "share", "postgresql", "extension");
}

function isControl(name: string): boolean {
    return name.endsWith(".control");
}

/** Hard links take no room and no time; between two file systems there are none, and BSD's cp makes none. */
async function copyLinked(from: string, to: string): Promise<void> {
    const run = promisify(execFile);
    await run("cp", ["-al", from, to]).catch(() => run("cp", ["-R", `${from}/.`, to]));
}

async function writeStandIn(folder: string, extension: TargetExtensionFile): Promise<void> {
    const { name, version, superuser, trusted, definitions } = extension;
    const control = [
        "comment = 'a stand-in, for a preview'",
        `default_version = '${version}'`,
        "relocatable = false",
        `superuser = ${superuser}`,
        `trusted = ${trusted}`,
    ];
    // What cannot be made without the rest is left out, and what needs it as well.
    const guarded = definitions.map(
        line =>
            `do $stand_in$ begin execute ${pg.escapeLiteral(line)}; exception when others then null; end $stand_in$;`,
    );
    const script = ["set local check_function_bodies = off;", "set local client_min_messages = error;", ...guarded];
    for (const [file, lines] of [
        [`${name}.control`, control],
        [`${name}--${version}.sql`, script],
    ] as const) {
        await writeFile(join(folder, file), `${lines.join("\n")}\n`);
        // For the account that runs the server, whatever the umask.
        await chmod(join(folder, file), 0o644);
    }
}
