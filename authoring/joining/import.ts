import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { organizationTables } from "../../local/baseline.ts";
import { withSession } from "../../runner/database/session.ts";
import type { JudgedFinding } from "../../preview/gates.ts";
import { type Catalog, readCatalog } from "../../runner/catalog/catalog.ts";
import { exportReference, type Reference } from "../../runner/ledger/adopt.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import { type AllowedKind, allowedKinds, readDirectives } from "../../runner/migration/directives.ts";
import { fileName, label, type Migration, type Part, parts, versionOf } from "../../runner/migration/migration.ts";
import type { Say } from "../../runner/output.ts";
import { apply } from "../../runner/steps/apply.ts";
import { UserError } from "../../runner/userError.ts";
import { treeOf } from "../../runner/migration/tree.ts";
import { check } from "../check/check.ts";
import type { CheckSettings } from "../check/settings.ts";
import { objectsMadeBy } from "../conventions/conventions.ts";
import { madeBy } from "../conventions/scene.ts";
import type { Named } from "../folder/folder.ts";
import { type Ground, markRefused, openGround } from "../ground/ground.ts";
import { type Proposal, propose } from "../proposal/proposal.ts";
import { proposedVerify } from "../proposal/verify.ts";
import { type ImportedHead, importedUp, noDown, noVerify, slugOf, withRowsNamed } from "./importedText.ts";
import type { SupabaseFile } from "./supabaseFolder.ts";

/** One file of the Supabase CLI as a migration of this project. */
export interface Imported {
    readonly file: SupabaseFile;
    readonly migration: Migration;
    /** Why it has no down; undefined: one is proposed. */
    readonly irreversible: string | undefined;
    /** What the gates would have stopped, by kind: opened, since it is there already. */
    readonly opened: readonly AllowedKind[];
    /** Undefined where an embedded PostgreSQL refuses its up: then nothing can be compared with it either. */
    readonly proposal: Proposal | undefined;
}

/** What an import makes. */
export interface Import {
    readonly imported: readonly Imported[];
    /** Those of the folder that have not run on the target: they come after, under new numbers. */
    readonly moved: readonly { readonly from: Migration; readonly to: Migration }[];
    /** What the migrations made on an embedded PostgreSQL, the imported ones included. */
    readonly reference: Reference;
}

export interface ImportOptions {
    readonly files: readonly SupabaseFile[];
    /** Those of the sql folder. */
    readonly migrations: readonly Migration[];
    /** How many of these have run on the target, from the first on: the imported ones come after them. */
    readonly ran: number;
    readonly settings: CheckSettings;
    readonly say: Say;
}

/** Those that are in the sql folder already, by the name of the CLI's file. */
export function importedBefore(migrations: readonly Migration[]): Map<string, Migration> {
    return new Map(
        migrations.flatMap(migration => {
            const { imported } = readDirectives(migration.up, fileName(migration, "up"));
            return imported === undefined ? [] : [[imported, migration] as const];
        }),
    );
}

/**
 * Works out the migrations on an embedded PostgreSQL, where each is proposed a down, tried and applied before the next.
 * Writes nothing.
 */
export async function workOut({ files, migrations, ran, settings, say }: ImportOptions): Promise<Import> {
    const earlier = migrations.slice(0, ran);
    const first = ran === 0 ? files.map(objectsOf) : await Promise.all(earlier.map(objectsMadeBy));
    // Those tables stand in for what these files make.
    const shape = first.some(makesOrganization)
        ? { ...settings.shape, simulationRuns: "absent" as const }
        : settings.shape;
    const ground = await openGround({ ...settings, shape, earlier, say });
    const imported: Imported[] = [];
    try {
        for (const { file, ...name } of nameAll(files, migrations, ran)) {
            say(`${file.name} becomes ${label(name)} …`);
            const one = await importOne(file, name, ground, settings);
            imported.push(one);
            await applyThere(ground, [...earlier, ...imported.map(({ migration }) => migration)], one);
        }
        const { reference, catalog } = await readEnd(ground);
        return {
            imported: imported.map(each => withLastingVerify(each, catalog)),
            moved: moveBehind(migrations.slice(ran), files.length),
            reference,
        };
    } finally {
        await ground.end();
    }
}

/** Writes what was worked out: first the new numbers of those that come after, from the last on. */
export async function write(sql: string, { imported, moved }: Import): Promise<void> {
    for (const { from, to } of [...moved].reverse()) await rename(join(sql, label(from)), join(sql, label(to)));
    for (const { migration } of imported) {
        const folder = join(sql, label(migration));
        await mkdir(folder);
        for (const part of parts) await writeFile(join(folder, `${part}.sql`), migration[part], { flag: "wx" });
    }
}

function moveBehind(migrations: readonly Migration[], count: number): Import["moved"] {
    return migrations.map(from => ({ from, to: { ...from, version: versionOf(Number(from.version) + count) } }));
}

function nameAll(files: readonly SupabaseFile[], migrations: readonly Migration[], ran: number) {
    const taken = new Set(migrations.map(({ slug }) => slug));
    return files.map((file, index) => {
        const slug = slugOf(file, taken);
        taken.add(slug);
        return { file, version: versionOf(ran + index + 1), slug };
    });
}

function objectsOf({ statements }: SupabaseFile): string[] {
    return statements.flatMap(statement => madeBy(treeOf(statement)));
}

function makesOrganization(made: readonly string[]): boolean {
    return organizationTables.some(name => made.includes(`table public.${name}`) || made.includes(`table ${name}`));
}

/** Proposes down and verify, tries all three as a preview does, and opens the gates for what is there already. */
async function importOne(file: SupabaseFile, name: Named, ground: Ground, settings: CheckSettings): Promise<Imported> {
    const upWith = (head: ImportedHead) => importedUp(file, head);
    const bare = { ...name, up: upWith({}), down: "", verify: noVerify };
    const proposal = await propose(ground, bare).catch((error: unknown) => {
        if (error instanceof UserError) return error;
        throw error;
    });
    if (proposal instanceof UserError) {
        const irreversible = `imported, and an embedded PostgreSQL refuses it: ${inOneLine(proposal.message)}`;
        const migration = { ...bare, up: upWith({ irreversible }), down: noDown(irreversible) };
        return { file, migration, irreversible, opened: [], proposal: undefined };
    }
    let whole = { ...bare, down: withRowsNamed(proposal.down, file), verify: proposal.verify };
    let findings = await stoppingFindings(whole, ground, settings);
    const isOf = (part: Part) => (finding: JudgedFinding) => finding.place?.file === fileName(name, part);
    if (findings.some(isOf("verify"))) {
        // A trial ends where verify fails: what up leaves behind was not looked at, and down was not run.
        whole = { ...whole, verify: noVerify };
        findings = await stoppingFindings(whole, ground, settings);
    }
    const inTheWay = findings.find(each => each.level === "irreversible" || isOf("down")(each));
    const irreversible =
        inTheWay || !proposal.restores
            ? `imported, and no down could be proposed${inTheWay ? `: ${inOneLine(`${inTheWay.object} ${inTheWay.words}`)}` : " that runs"}`
            : undefined;
    const opened = allowedKinds.filter(kind => findings.some(({ level }) => level === kind));
    const allowed = Object.fromEntries(opened.map(kind => [kind, allowedBecause(findings, kind)]));
    const down = irreversible === undefined ? whole.down : noDown(irreversible);
    const migration = { ...whole, up: upWith({ irreversible, allowed }), down };
    return { file, migration, irreversible, opened, proposal };
}

async function stoppingFindings(
    migration: Migration,
    { environment }: Ground,
    settings: CheckSettings,
): Promise<JudgedFinding[]> {
    const { report } = await check({
        stack: "import",
        environment,
        isTarget: false,
        pending: [migration],
        toRollBack: [],
        asked: [migration],
        settings,
        say: () => {},
    });
    return report.pending.flatMap(({ findings }) => findings.filter(({ verdict }) => verdict.gate === "stopped"));
}

function allowedBecause(findings: readonly JudgedFinding[], kind: AllowedKind): string {
    const what = [
        ...new Set(findings.filter(({ level }) => level === kind).map(each => `${each.code} ${each.object}`)),
    ];
    return `imported, so it has run elsewhere: ${inOneLine(what.join(", "))}`;
}

/** For a directive, without the place: that is in the file which it stands in. */
function inOneLine(text: string): string {
    return text.replace(/^sql\/\S+:\d+: /, "").replaceAll(/\s+/g, " ");
}

async function applyThere(ground: Ground, migrations: readonly Migration[], { migration, proposal }: Imported) {
    await withSession(ground.environment, "adopt", async session => {
        if (!proposal) {
            await markRefused(session, migrations, migration);
        } else {
            await apply(session, migration, await readLedger(session.client), () => {});
        }
    });
}

/** Where all of it ends. */
async function readEnd(ground: Ground): Promise<{ reference: Reference; catalog: Catalog }> {
    const client = await ground.enter();
    try {
        await client.query("begin");
        return { reference: await exportReference(client), catalog: await readCatalog(client) };
    } finally {
        await client.end();
    }
}

/** A verify is run again when later migrations are applied: what these changed, it does not ask for. */
function withLastingVerify(imported: Imported, end: Catalog): Imported {
    const { migration, proposal } = imported;
    if (!proposal || migration.verify === noVerify) return imported;
    const lasting = (catalog: Catalog) =>
        new Map([...catalog].filter(([key]) => proposal.after.get(key) === end.get(key)));
    const verify = proposedVerify(lasting(proposal.before), lasting(proposal.after));
    return { ...imported, migration: { ...migration, verify } };
}
