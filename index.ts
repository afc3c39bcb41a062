// The stack on one page: read the config, look at the target, declare what should be, say what there is.
import { readFile } from "node:fs/promises";
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { AppRoles } from "./components/appRoles.ts";
import { BackupBeforeChanges, BackupBeforeDestroy } from "./components/backup.ts";
import { DatasetBucket } from "./components/datasetBucket.ts";
import { Ledger } from "./components/ledger.ts";
import { MigrationChain } from "./components/migrationChain.ts";
import { TableGrants } from "./components/tableGrants.ts";
import { providerConnection, readConfig } from "./config.ts";
import { announce } from "./preview/announce.ts";
import { orStop } from "./preview/orStop.ts";
import { predict, requireOpen } from "./preview/prediction.ts";
import { requirePromoted } from "./preview/promotion.ts";
import { readRemembered } from "./preview/remembered.ts";
import { readTarget } from "./preview/target.ts";
import { roleNames } from "./runner/applicationRoles.ts";
import { readMigrations, requireStatements } from "./runner/migration/migrationFolder.ts";

const config = await orStop(() => readConfig());
const { environment } = config;
/** A run of the engine that changes things, after the preview that has shown them. */
const doing = !pulumi.runtime.isDryRun();
/**
 * A preview may have a login of its own, which can write nothing: no input of a resource is different for it, but for what
 * it may not read.
 */
const previewUser = doing ? undefined : process.env.SIMULATION_DB_PREVIEW_USER;
const reader = { ...process.env, ...environment, ...(previewUser ? { PGUSER: previewUser } : {}) };
const migrations = await orStop(() => readMigrations("sql", { statementsLater: true }));
const preconditions = await readFile("sql/preconditions.sql", "utf8");

// Before any resource: a target that is not ready is left as it is.
const remembered = await readRemembered();
const target = await orStop(() =>
    readTarget(reader, {
        ...config,
        pinned: config.databaseIdentity,
        remembered,
        migrations,
        preconditions,
        stackRoles: roleNames,
        doing,
    }),
);

// The others ran as they stand.
await orStop(() => requireStatements(target.chain));

const unpromoted = await orStop(() => requirePromoted(target.chain.pending, config.promotion, process.env, doing));

const prediction = await orStop(() =>
    predict({
        ...config,
        environment: reader,
        target,
        remembered,
        warnings: { ...target.warnings, others: [...target.warnings.others, ...unpromoted] },
        stackRoles: roleNames,
        doing,
        say: line => void pulumi.log.info(line, undefined, undefined, true),
    }),
);
// A run stops before anything is changed; a preview once everything is said.
if (doing) await orStop(() => requireOpen(prediction));

// Pulumi's SDK takes a stack trace of every property, which only PULUMI_DEBUG_PROMISE_LEAKS ever shows, and looks up each
// of its lines in source maps: 7 ms per resource. The position in the program that the state keeps is found another way.
const { stackTraceLimit } = Error;
Error.stackTraceLimit = 0;
const provider = new postgresql.Provider("postgresql", {
    superuser: false,
    connectTimeout: 15,
    ...providerConnection(config),
});
// Before anything else is made: of two stacks on one database, the second stops here.
const ledger = new Ledger("ledger", {
    identity: target.identity,
    preconditions,
    roles: roleNames,
    squashThrough: config.squashThrough,
    strayed: target.strayed,
    environment,
});
const roles = new AppRoles(
    "roles",
    { provider, existing: target.ownRoles, after: [ledger.claim] },
    { protect: config.protect },
);
const grants = new TableGrants(
    "grants",
    { provider, database: config.databaseName, owner: config.databaseRole, after: [roles] },
    { protect: config.protect },
);
const held = ledger.releasedBefore([roles, grants.laterTables]);
const dump = new BackupBeforeChanges("backup", {
    settings: config.backup,
    changes: target.chain.pending.length > 0 || target.chain.removed.length > 0,
    environment,
    after: [held],
});
const chain = new MigrationChain(
    "schema",
    { migrations, squashThrough: config.squashThrough, environment, after: [held, dump.taken] },
    { protect: config.protect },
);
const given = grants.give(chain.last);
// After the grants, so that a destroy that is refused because of files in the bucket has taken no grant back.
const bucket = new DatasetBucket(
    "datasets",
    {
        name: config.bucketName,
        maxBytes: config.datasetMaxBytes,
        strayed: prediction.bucketStrayed,
        environment,
        after: [given],
    },
    { protect: config.protect },
);
new BackupBeforeDestroy(
    "backup-before-destroy",
    { settings: config.backup, identity: target.identity, environment, after: [bucket.step] },
    { protect: config.protect },
);
Error.stackTraceLimit = stackTraceLimit;
await announce(prediction, chain);
await orStop(() => requireOpen(prediction));

/** `<system identifier>/<name>`: the database that this stack manages. */
export const database = ledger.claimed;
/** Versions have no gaps, so this one says which are applied. */
export const newestMigration = chain.newest;
export const applicationRoles = roleNames;
export const datasetBucket = { name: config.bucketName, maxBytes: config.datasetMaxBytes, private: true };
/** The next run has to know what this one left. */
export const squashThrough = config.squashThrough;
/** Whether a rollback keeps the rows that it removes. */
export const archive = config.archive;
/** Whether Pulumi refuses to delete the resources. */
export const protect = config.protect;
/** The backup before the last change: its id, where it is, what it holds; or why there is none. */
export const backup = dump.last;
export const backupFolder = config.backup.mode === "off" ? "none" : config.backup.folder;
