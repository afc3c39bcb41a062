import { Command, InvalidArgumentError, Option } from "commander";
import type { PurgeOptions } from "./archive/commands.ts";
import type { CreateOptions, FolderOptions, ListOptions } from "./backup/commands.ts";
import { keepRange } from "./backup/settings.ts";
import type { AuditOptions } from "./bucket/commands.ts";
import type { AdoptOptions } from "./ledger/commands.ts";
import type { RepairOptions } from "./ledger/repair.ts";
import type { CheckOptions, MakeOptions } from "./promotion/commands.ts";
import type { ChainOptions, RecordOptions } from "./steps/commands.ts";

/** The words that a person types, with their help. */
export const commandLine = new Command("runner")
    .description(
        "Applies and undoes the migrations of simulation-db. Connects with libpq's variables (PGHOST, PGPASSWORD, …).",
    )
    .showHelpAfterError();

const migrate = commandLine.command("migrate").description("apply, undo and list migrations");
migrate
    .command("up")
    .description("apply the pending migrations of the sql folder, or the one on stdin")
    .option("--stdin", "take the migration from stdin, in the text form that the stack's state keeps")
    .addOption(new Option("--to <version>", "stop after this version").argParser(toVersion).conflicts("stdin"))
    .action((options: ChainOptions) => steps().then(({ migrateUp }) => migrateUp(options)));
migrate
    .command("down")
    .description("undo the newest migration, those down to a version, or the one on stdin")
    .option("--stdin", "take the migration from stdin")
    .addOption(
        new Option("--to <version>", "undo everything newer than this version; 0000 undoes all")
            .argParser(toVersion)
            .conflicts("stdin"),
    )
    .action((options: ChainOptions) => steps().then(({ migrateDown }) => migrateDown(options)));
migrate
    .command("record")
    .description("store changed down and verify texts of applied migrations; runs nothing")
    .argument("[version]", "of the sql folder; all that were changed unless said otherwise", toVersion)
    .option("--stdin", "take the migration from stdin")
    .action((version: string | undefined, options: RecordOptions) =>
        steps().then(({ migrateRecord }) => migrateRecord(version, options)),
    );
migrate
    .command("status")
    .description("list what is applied and what is pending")
    .action(() => steps().then(({ status }) => status()));

const ledger = commandLine.command("ledger").description("which stack manages the database");
ledger
    .command("claim")
    .description("make the stack the one that manages this database; stdin: the preconditions query")
    .action(() => ledgers().then(({ ledgerClaim }) => ledgerClaim()));
ledger
    .command("release")
    .description("give the database free; refused while migrations are applied")
    .action(() => ledgers().then(({ ledgerRelease }) => ledgerRelease()));

const bucket = commandLine
    .command("bucket")
    .description("the Storage bucket of the datasets; stdin: its settings as JSON");
bucket
    .command("put")
    .description("create it, or give it these settings")
    .action(() => buckets().then(({ bucketPut }) => bucketPut()));
bucket
    .command("remove")
    .description("delete it when it is empty")
    .action(() => buckets().then(({ bucketRemove }) => bucketRemove()));

const backup = commandLine.command("backup").description("dumps of the schemas that the migrations touch");
backup
    .command("create")
    .description("make one, and remove the oldest")
    .option("--stdin", "take the settings from stdin, as the stack gives them")
    .addOption(new Option("--folder <folder>", "where the backups are").default(".local/backups").conflicts("stdin"))
    .addOption(
        new Option("--keep <count>", "how many of this database are kept")
            .argParser(toCount)
            .default(10)
            .conflicts("stdin"),
    )
    .action((options: CreateOptions) => backups().then(({ backupCreate }) => backupCreate(options)));
backup
    .command("list")
    .description("list the backups of a folder, the newest last")
    .option("--folder <folder>", "where the backups are", ".local/backups")
    .option("--json", "print their manifests")
    .action((options: ListOptions) => backups().then(({ backupList }) => backupList(options)));
backup
    .command("verify")
    .description(
        "restore one into a database made for it (VERIFY_PGHOST, or this machine's server) and compare all rows",
    )
    .argument("[id]", "which one; the newest unless said otherwise")
    .option("--folder <folder>", "where the backups are", ".local/backups")
    .action((id: string | undefined, options: FolderOptions) =>
        backups().then(({ backupVerify }) => backupVerify(id, options)),
    );

const archive = commandLine.command("archive").description("the rows that rollbacks took away");
archive
    .command("list")
    .description("list what is kept, the oldest first")
    .option("--json", "print it for programs")
    .action((options: { json?: boolean }) => archives().then(({ archiveList }) => archiveList(options)));
archive
    .command("purge")
    .description("delete what is old, for good")
    .requiredOption("--older-than <days>", "for example 90d")
    .option("--yes", "do not ask")
    .action((options: PurgeOptions) => archives().then(({ archivePurge }) => archivePurge(options)));

const promotion = commandLine.command("promotion").description("what has run in one stack, for the one after it");
promotion
    .command("make")
    .description("write the record of what has run in this database; signed where SIMULATION_DB_PROMOTION_KEY is set")
    .option("--out <file>", "where to; .local/promotion/STACK.json unless said otherwise")
    .action((options: MakeOptions) => promotions().then(({ promotionMake }) => promotionMake(options)));
promotion
    .command("check")
    .description("compare the sql folder with a record; needs no database")
    .requiredOption("--from <stack>", "whose record it is")
    .option("--record <file>", "where it is; .local/promotion/STACK.json unless said otherwise")
    .option("--key <base64>", "the public key that it must be signed for", "")
    .action((options: CheckOptions) => promotions().then(({ promotionCheck }) => promotionCheck(options)));

const repair = commandLine.command("repair").description("mend the ledger where somebody changed the schema by hand");
repair
    .command("applied")
    .description("mark the next migration as applied; runs nothing")
    .argument("<version>", "four digits", toVersion)
    .requiredOption("--reason <text>", "why; the history keeps it")
    .option("--found <json>", "what its up would have found, where it says so")
    .action((version: string, options: RepairOptions) =>
        ledgers().then(({ repairApplied }) => repairApplied(version, options)),
    );
repair
    .command("reverted")
    .description("mark the newest applied migration as not applied; runs nothing")
    .argument("<version>", "four digits", toVersion)
    .requiredOption("--reason <text>", "why; the history keeps it")
    .action((version: string, options: RepairOptions) =>
        ledgers().then(({ repairReverted }) => repairReverted(version, options)),
    );

commandLine
    .command("status")
    .description("the same as migrate status")
    .action(() => steps().then(({ status }) => status()));
commandLine
    .command("check")
    .description("try what an application will do: what must work works, what must not is refused")
    .action(() => import("./check/commands.ts").then(({ check }) => check()));
commandLine
    .command("audit")
    .description("list files without a row in datasets, rows without a file, and settings of the bucket that differ")
    .option("--grace <minutes>", "leave out what is younger: an upload may be under way", toMinutes, 60)
    .option("--json", "print it for programs")
    .action((options: AuditOptions) => buckets().then(({ audit }) => audit(options)));

commandLine
    .command("reference")
    .description("print what the applied migrations did to this database's catalog, as JSON for adopt")
    .action(() => ledgers().then(({ printReference }) => printReference()));
commandLine
    .command("adopt")
    .description("take over migrations that other means applied, by comparison with a reference on stdin; runs no DDL")
    .addOption(
        new Option(
            "--same-found <versions...>",
            "those whose up found here what it found there, where their down goes by that",
        ).argParser((text: string, before: readonly string[] = []) => [...before, toVersion(text)]),
    )
    .action((options: AdoptOptions) => ledgers().then(({ adoptFrom }) => adoptFrom(options)));

/** Versions are compared as texts. */
function toVersion(text: string): string {
    if (/^\d{4}$/.test(text)) return text;
    throw new InvalidArgumentError("A version has four digits, for example 0007.");
}

function toCount(text: string): number {
    const [least, most] = keepRange;
    if (/^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is needed.`);
}

function toMinutes(text: string): number {
    if (/^\d{1,6}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("Minutes are a whole number, for example 60.");
}

// Loaded when a command runs, so that --help and a wrong argument answer at once.
function steps() {
    return import("./steps/commands.ts");
}

function ledgers() {
    return import("./ledger/commands.ts");
}

function buckets() {
    return import("./bucket/commands.ts");
}

function backups() {
    return import("./backup/commands.ts");
}

function archives() {
    return import("./archive/commands.ts");
}

function promotions() {
    return import("./promotion/commands.ts");
}
