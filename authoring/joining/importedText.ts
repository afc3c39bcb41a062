import { draftMark } from "../../runner/migration/draft.ts";
import type { AllowedKind } from "../../runner/migration/directives.ts";
import type { SupabaseFile } from "./supabaseFolder.ts";

/** What stands above an imported text. */
export interface ImportedHead {
    /** Why no down could be proposed. */
    readonly irreversible?: string | undefined;
    /** What the gates would stop, and is there already; by kind. */
    readonly allowed?: Readonly<Partial<Record<AllowedKind, string>>>;
}

/** The up.sql: a head of this project's, and below `imported` the text as it ran. */
export function importedUp(file: SupabaseFile, { irreversible, allowed = {} }: ImportedHead): string {
    return [
        ...(file.transactional ? [] : ["-- transaction: none"]),
        ...(irreversible === undefined ? [] : [`-- irreversible: ${irreversible}`]),
        ...Object.entries(allowed).map(([kind, reason]) => `-- allow-${kind}: ${reason}`),
        `-- ${sentenceOf(file)}, as it was imported from the Supabase CLI.`,
        `-- imported: ${file.name}`,
        file.text,
    ].join("\n");
}

/** `Create notes` */
function sentenceOf({ title, version }: SupabaseFile): string {
    const words = title.replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim() || version;
    return `${words[0]?.toUpperCase()}${words.slice(1)}`;
}

/** A down.sql without a statement: the runner refuses the rollback then, and says why. */
export function noDown(reason: string): string {
    return `-- ${draftMark}Nothing is undone: a person has to write this, as none could be proposed.\n-- ${reason}.\n`;
}

/** Rows are no part of a catalog, so a proposed down leaves them. */
export function withRowsNamed(down: string, { statements }: SupabaseFile): string {
    const kinds = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt"];
    const lines = statements.filter(({ kind }) => kinds.includes(kind)).map(({ line }) => line);
    if (lines.length === 0) return down;
    const mark = `-- ${draftMark}`;
    const at = down.indexOf("\n", down.indexOf(mark)) + 1;
    const note = `-- Rows are not taken back: up writes some (line ${lines.join(", ")} of what was imported).\n`;
    return down.slice(0, at) + note + down.slice(at);
}

/** A verify.sql for what has none. */
export const noVerify = `-- ${draftMark}Looks at nothing: write what shows that up has run.\nselect 1;\n`;

/** The words after the version of a folder of sql/. @param taken slugs that others have */
export function slugOf({ title, version }: SupabaseFile, taken: ReadonlySet<string>): string {
    const words = title
        .normalize("NFKD")
        .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, "_")
        .replaceAll(/^_+|_+$/g, "")
        .slice(0, 60)
        .replace(/_+$/, "");
    // `supabase db pull` gives all of its files one name.
    const slug = words || "imported";
    return taken.has(slug) ? `${slug}_${version}` : slug;
}
