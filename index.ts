// The stack on one page: read the config, look at the target, declare what should be, say what there is.
import { readFile } from "node:fs/promises";
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { AppRoles, roleNames } from "./components/appRoles.ts";
import { BackupBeforeChanges, BackupBeforeDestroy } from "./components/backup.ts";
import { DatasetBucket } from "./components/datasetBucket.ts";
import { Ledger } from "./components/ledger.ts";
import { MigrationChain } from "./components/migrationChain.ts";
import { TableGrants } from "./components/tableGrants.ts";
import { providerConnection, readConfig } from "./config.ts";
import { announce } from "./preview/announce.ts";
import { orStop } from "./preview/orStop.ts";
import { readRemembered } from "./preview/remembered.ts";
import { readTarget } from "./preview/target.ts";
import { readMigrations } from "./runner/migration/migrationFolder.ts";

const config = await orStop(() => readConfig());
const { environment } = config;
const migrations = await orStop(() => readMigrations("sql"));
const preconditions = await readFile("sql/preconditions.sql", "utf8");

// Before any resource: a target that is not ready is left as it is.
const remembered = await readRemembered();
const target = await orStop(() =>
    readTarget(
        { ...process.env, ...environment },
        {
            ...config,
            pinned: config.databaseIdentity,
            remembered,
            migrations,
            preconditions,
            stackRoles: roleNames,
            doing: !pulumi.runtime.isDryRun(),
        },
    ),
);

const provider = new postgresql.Provider("postgresql", {
    superuser: false,
    connectTimeout: 15,
    ...providerConnection(config),
});
const roles = new AppRoles("roles", { provider, existing: target.ownRoles }, { protect: config.protect });
const ledger = new Ledger("ledger", {
    identity: target.identity,
    preconditions,
    environment,
    after: [roles],
});
const dump = new BackupBeforeChanges("backup", {
    settings: config.backup,
    migrations,
    environment,
    after: [ledger.claim],
});
const chain = new MigrationChain(
    "schema",
    { migrations, environment, after: [ledger.claim, dump.taken] },
    { protect: config.protect },
);
const grants = new TableGrants(
    "grants",
    { provider, database: config.databaseName, owner: config.databaseRole, after: chain.last },
    { protect: config.protect },
);
// After the grants, so that a destroy that is refused because of files in the bucket has taken no grant back.
const bucket = new DatasetBucket(
    "datasets",
    { name: config.bucketName, maxBytes: config.datasetMaxBytes, environment, after: [grants.last] },
    { protect: config.protect },
);
new BackupBeforeDestroy(
    "backup-before-destroy",
    { settings: config.backup, identity: target.identity, environment, after: [bucket.step] },
    { protect: config.protect },
);
announce(target, migrations, chain.steps);

/** `<system identifier>/<name>`: the database that this stack manages. */
export const database = ledger.claimed;
/** Versions have no gaps, so this one says which are applied. */
export const newestMigration = chain.newest;
export const applicationRoles = roleNames;
export const datasetBucket = { name: config.bucketName, maxBytes: config.datasetMaxBytes, private: true };
/** The backup before the last change: its id, where it is, what it holds; or why there is none. */
export const backup = dump.last;
export const backupFolder = config.backup.mode === "off" ? "none" : config.backup.folder;
