import { text } from "node:stream/consumers";
import { connected } from "../database/connection.ts";
import { withSession } from "../database/session.ts";
import { label } from "../migration/migration.ts";
import { readMigrations } from "../migration/migrationFolder.ts";
import { print, say } from "../output.ts";
import { printedStep } from "../printedStep.ts";
import { stepLine } from "../stackOutput.ts";
import { undoInterruptedUp } from "../steps/interrupted.ts";
import { claim, release } from "./claim.ts";
import type { RepairOptions } from "./repair.ts";

const environment = process.env;

/** `reference`: what the applied migrations did here, for {@link adoptFrom} elsewhere. */
export async function printReference(): Promise<void> {
    await connected(environment, "reference", async client => {
        const { exportReference } = await import("./adopt.ts");
        print(JSON.stringify(await exportReference(client)));
    });
}

export interface AdoptOptions {
    /** Versions. */
    readonly sameFound?: readonly string[];
}

/** `adopt`: stdin is the output of `reference`. Runs no statement of a migration. */
export async function adoptFrom({ sameFound = [] }: AdoptOptions): Promise<void> {
    const { adopt, readReference, refuseUnseen } = await import("./adopt.ts");
    const reference = readReference(await text(process.stdin));
    const migrations = await readMigrations("sql");
    await withSession(environment, "adopt", async session => {
        const { taken, unseen } = await adopt(session, migrations, reference, sameFound, say);
        for (const migration of taken) print(stepLine(`${label(migration)} adopted`, session.identity));
        print(`${taken.length} adopted`);
        refuseUnseen(unseen);
    });
}

/** `repair applied`: the next migration of the sql folder. */
export async function repairApplied(version: string, options: RepairOptions): Promise<void> {
    const { markApplied } = await import("./repair.ts");
    const migrations = await readMigrations("sql");
    await withSession(environment, `repair ${version}`, async session => {
        const migration = await markApplied(session, migrations, version, options, say);
        print(`${label(migration)} is marked as applied; nothing was run`);
    });
}

/** `repair reverted`: the newest applied migration. */
export async function repairReverted(version: string, options: RepairOptions): Promise<void> {
    const { markReverted } = await import("./repair.ts");
    await withSession(environment, `repair ${version}`, async session => {
        const row = await markReverted(session, version, options, say);
        print(`${label(row)} is marked as not applied; nothing was run`);
        say(
            "where a stack has it in its state: node runner/main.ts migrate up applies it again, and the stack finds it; or remove its folder, and npm run up makes the stack forget it",
        );
    });
}

/** `ledger claim`: stdin is the preconditions query. */
export async function ledgerClaim(): Promise<void> {
    const preconditions = await text(process.stdin);
    await printedStep(environment, "ledger claim", async session => {
        await claim(session, preconditions);
        return `managed by ${session.settings.stack}`;
    });
}

/** `ledger release` */
export async function ledgerRelease(): Promise<void> {
    await printedStep(environment, "ledger release", async session => {
        await undoInterruptedUp(session, say);
        const free = await release(session, say);
        return free ? `given free by ${session.settings.stack}` : "nothing given free";
    });
}
