import { createHash } from "node:crypto";
import { UserError } from "../userError.ts";

/** The three files of a migration. */
export const parts = ["up", "down", "verify"] as const;
export type Part = (typeof parts)[number];

/** One step of the schema: what to do, how to undo it, and how to see that it is there. */
export interface Migration {
    /** Four digits; the order of application. */
    readonly version: string;
    /** What the folder's name says after the version; for people only, so renaming it changes nothing. */
    readonly slug: string;
    readonly up: string;
    readonly down: string;
    readonly verify: string;
}

/** `0002_datasets` */
export function label(migration: Pick<Migration, "version" | "slug">): string {
    return migration.slug ? `${migration.version}_${migration.slug}` : migration.version;
}

/** What a slug may be. */
export const slugForm = /^[a-z0-9]+(?:_[a-z0-9]+)*$/;

/** The inverse of {@link label}; undefined for a name that is no migration's. */
export function readFolderName(name: string): Pick<Migration, "version" | "slug"> | undefined {
    const [, version = "", slug = ""] = /^(\d{4})_(.+)$/.exec(name) ?? [];
    return slugForm.test(slug) ? { version, slug } : undefined;
}

/** The version that a migration has as the first, second, … of its folder: `0018` */
export function versionOf(number: number): string {
    return String(number).padStart(4, "0");
}

/** The file as a person finds it: `sql/0002_datasets/up.sql` */
export function fileName(migration: Pick<Migration, "version" | "slug">, part: Part): string {
    return `sql/${label(migration)}/${part}.sql`;
}

/** How a down.sql that a person mends comes to be used: a rollback goes by the text that the state and the ledger have. */
export const newDownText =
    "bring the folder back where it was removed, and npm run up, or migrate record, takes the new text, which the next rollback uses";

/** SHA-256 in hex; of a file's text, what "the same migration" means. */
export function hashOf(text: string): string {
    return createHash("sha256").update(text).digest("hex");
}

/** The line that opens a file inside the text form; readMigrations refuses files that hold such a line. */
export const partLine = /^-- file: (up|down|verify)\.sql$/m;

/**
 * The text form of a migration: what a Pulumi resource carries on stdin, and so what the stack's state keeps.
 * The slug is left out, so that renaming a folder changes no resource. Readable in `pulumi preview --diff`.
 */
export function encode(migration: Migration): string {
    const files = parts.map(part => `-- file: ${part}.sql\n${migration[part]}`);
    return `-- migration: ${migration.version}\n${files.join("\n")}`;
}

/** The inverse of {@link encode}, without a slug. @throws UserError when the text is not one */
export function decode(text: string): Migration {
    const match =
        /^-- migration: (\d{4})\n-- file: up\.sql\n([\s\S]*)\n-- file: down\.sql\n([\s\S]*)\n-- file: verify\.sql\n([\s\S]*)$/.exec(
            text,
        );
    if (!match) {
        throw new UserError("stdin does not hold a migration in its text form.", [
            "from a shell, leave --stdin out: the runner then reads the sql folder",
        ]);
    }
    const [, version = "", up = "", down = "", verify = ""] = match;
    return { version, slug: "", up, down, verify };
}

/** The text form of several, in order. */
export function encodeAll(migrations: readonly Migration[]): string {
    return migrations.map(encode).join("\n");
}

/** The inverse of {@link encodeAll}: no file holds the line that follows the first one of a migration. */
export function decodeAll(text: string): Migration[] {
    return text.split(/\n(?=-- migration: \d{4}\n-- file: up\.sql\n)/).map(decode);
}

/** One sentence for people: the first comment of up.sql after its directives. */
export function summary(migration: Migration): string {
    const line = migration.up
        .split("\n")
        .map(text => /^-- (.*)$/.exec(text.trim())?.[1])
        .find(text => text !== undefined && !/^[a-z-]+: /.test(text));
    return line ?? "";
}
