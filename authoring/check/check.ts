import { join } from "node:path";
import { driftOf } from "../../preview/drift/drift.ts";
import { previewFolder } from "../../preview/folder.ts";
import { present } from "../../preview/report/presentation.ts";
import type { MigrationReport, Report } from "../../preview/report/report.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Rehearsal } from "../../preview/trial/rehearsal.ts";
import { roleNames } from "../../runner/applicationRoles.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { label, type Migration } from "../../runner/migration/migration.ts";
import type { Breach } from "../conventions/breach.ts";
import { breachesOf, objectsMadeBy } from "../conventions/conventions.ts";
import type { CheckSettings } from "./settings.ts";

/** Where the migrations are tried, and which. */
export interface Case {
    readonly stack: string;
    /** libpq's variables of the target, or of the ground that stands in for one. */
    readonly environment: Environment;
    readonly isTarget: boolean;
    /** Those that run, in order; what is not asked for runs because something after it is. */
    readonly pending: readonly Migration[];
    /** Newest first. */
    readonly toRollBack: readonly Migration[];
    /** Those of `pending` that a person wants to know about. */
    readonly asked: readonly Migration[];
    readonly settings: CheckSettings;
    readonly say: (line: string) => void;
}

/** All that was found. */
export interface Checked {
    readonly report: Report;
    /** Of it what a person wants to know: the rollbacks, what is asked for, and what before that does not run. */
    readonly told: readonly MigrationReport[];
    /** Paths of it, in its three forms. */
    readonly files: readonly string[];
    /** By the label of the migration. */
    readonly breaches: ReadonlyMap<string, readonly Breach[]>;
    /** How many findings stop it: closed gates, and breaches of the conventions. */
    readonly stops: number;
}

/** Everything that a preview finds, and the conventions, which a preview leaves to authors. */
export async function check({
    stack,
    environment,
    isTarget,
    pending,
    toRollBack,
    asked,
    settings,
    say,
}: Case): Promise<Checked> {
    const rehearsal = await rehearse({
        environment,
        pending,
        toRollBack,
        stackRoles: roleNames,
        cacheFolder: join(previewFolder, "cache"),
        say,
    });
    const { report, files } = await present({
        // Its reports take nobody else's place.
        stack: `${stack}-check`,
        rehearsal: isTarget ? rehearsal : withoutSizes(rehearsal),
        pending,
        toRollBack,
        drift: driftOf(rehearsal.look, { nothing: true }),
        settings: settings.review,
        gates: settings.review,
    });
    const breaches = await breachesIn(pending, rehearsal.look.catalog);
    const names = asked.map(label);
    const told = [
        ...report.rollbacks,
        ...report.pending.filter(
            ({ name, findings }) => names.includes(name) || findings.some(({ code }) => code === "migration-fails"),
        ),
    ];
    const gates = told.flatMap(({ findings }) => findings).filter(({ verdict }) => verdict.gate === "stopped");
    const broken = names.flatMap(name => breaches.get(name) ?? []);
    return { report, told, files, breaches, stops: gates.length + broken.length };
}

/** A ground has no rows of anybody's: how many there are where the migration will run, nobody knows. */
function withoutSizes(rehearsal: Rehearsal): Rehearsal {
    const tables = new Map([...rehearsal.look.tables].map(([name, size]) => [name, { ...size, rows: -1 }]));
    return { ...rehearsal, look: { ...rehearsal.look, tables } };
}

async function breachesIn(pending: readonly Migration[], catalog: Catalog): Promise<Map<string, Breach[]>> {
    const known = new Set([...catalog.keys()].map(key => key.replace(/\(.*$/, "")));
    const breaches = new Map<string, Breach[]>();
    for (const migration of pending) {
        breaches.set(label(migration), await breachesOf(migration, object => known.has(object)));
        for (const object of await objectsMadeBy(migration)) known.add(object);
    }
    return breaches;
}
