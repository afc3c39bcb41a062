import { byteSize } from "../byteSize.ts";
import { connected } from "../database/connection.ts";
import { withSession } from "../database/session.ts";
import { print, say } from "../output.ts";
import { textTable } from "../textTable.ts";
import { UserError } from "../userError.ts";
import { requireConsent } from "./consent.ts";
import { olderThan, purge } from "./purge.ts";
import { type ListedPart, readArchive } from "./registry.ts";

const environment = process.env;

/** `archive list`: a plain read, without the lock. */
export async function archiveList({ json }: { json?: boolean }): Promise<void> {
    const parts = await connected(environment, "archive list", readArchive);
    if (json) return print(JSON.stringify(parts.map(asJson), null, 4));
    if (parts.length === 0) return print("the archive is empty");
    for (const line of table(parts)) print(line);
}

export interface PurgeOptions {
    /** For example `90d`. */
    readonly olderThan: string;
    readonly yes?: boolean;
}

/** `archive purge`: asks first, unless `yes`. */
export async function archivePurge(options: PurgeOptions): Promise<void> {
    const days = readDays(options.olderThan);
    const old = olderThan(await connected(environment, "archive purge", readArchive), days);
    if (old.length === 0) return print(`nothing in the archive is older than ${options.olderThan}`);
    const rows = old.reduce((sum, part) => sum + part.rows, 0);
    const what = `${rows.toLocaleString("en")} rows in ${old.length} ${old.length === 1 ? "part" : "parts"} of the archive`;
    if (!options.yes) {
        for (const line of table(old)) say(line);
        await requireConsent(`${what}: delete them for good? [y/N] `, {
            input: process.stdin,
            output: process.stderr,
        });
    }
    const gone = await withSession(environment, "archive purge", session =>
        purge(session, old, `purge --older-than ${options.olderThan}`, say),
    );
    for (const part of gone) print(`deleted: ${part.rows} rows of ${part.table}, from the rollback of ${part.version}`);
    print(`${gone.length} of ${old.length} parts deleted`);
}

function table(parts: readonly ListedPart[]): string[] {
    return textTable(
        [
            { title: "migration" },
            { title: "source", mayBeCut: true },
            { title: "kind" },
            { title: "rows", align: "right" },
            { title: "size", align: "right" },
            { title: "age", align: "right" },
            { title: "restored" },
        ],
        parts.map(part => [
            part.version,
            part.table,
            part.kind,
            part.rows.toLocaleString("en"),
            byteSize(part.bytes),
            `${ageInDays(part)} d`,
            part.restoredAt ? "in part" : "no",
        ]),
    );
}

function asJson({ id, version, table: source, kind, archive, rows, bytes, archivedAt, restoredAt }: ListedPart) {
    const ageDays = ageInDays({ archivedAt });
    return { id, version, source, kind, archive, rows, bytes, archivedAt, ageDays, restoredAt };
}

function ageInDays({ archivedAt }: Pick<ListedPart, "archivedAt">): number {
    return Math.floor(Math.max(0, Date.now() - archivedAt.getTime()) / 86_400_000);
}

function readDays(text: string): number {
    const [, days] = /^(\d{1,5})d$/.exec(text) ?? [];
    if (days !== undefined) return Number(days);
    throw new UserError(`--older-than is "${text}": write days, for example 90d (0d is everything).`);
}
