import { fileName, type Migration } from "../../runner/migration/migration.ts";
import type { TargetLook } from "../look/targetLook.ts";
import type { Trial } from "../trial/observation.ts";
import type { Violation } from "../violations/count.ts";
import { advisorFindings } from "./advisors.ts";
import { blockingFindings } from "./blocking.ts";
import { destructiveFindings } from "./destructive.ts";
import { trialByText } from "./byText.ts";
import { byImportance, type Finding, placed } from "./finding.ts";
import { insecureByText } from "./insecure/byText.ts";
import { bucketFindings } from "./insecure/buckets.ts";
import { functionFindings } from "./insecure/functions.ts";
import { grantFindings } from "./insecure/grants.ts";
import { policyFindings } from "./insecure/policies.ts";
import { ownerFindings } from "./insecure/owners.ts";
import { roleFindings } from "./insecure/roles.ts";
import { rowSecurityFindings } from "./insecure/rowSecurity.ts";
import { viewFindings } from "./insecure/views.ts";
import { irreversibleFindings, noWayBackFindings } from "./irreversible.ts";
import { heldLocks, type HeldLock } from "./locks.ts";
import { noteFindings } from "./notes.ts";
import { rowFindings } from "./rows.ts";
import { sequenceFindings } from "./sequences.ts";
import { type FindingSettings, type Scene, sceneOf } from "./scene.ts";
import { typeFindings } from "./types.ts";
import { violationFindings, wayBackFindings } from "./violations.ts";
import { unreadFindings } from "./unread.ts";

/** What a trial has to tell: the findings, the most important first, and the locks that it saw. */
export interface Told {
    readonly findings: readonly Finding[];
    readonly locks: readonly HeldLock[];
    readonly scene: Scene;
}

/** What is known beside a trial. */
export interface Beside {
    /** What was counted on the target. */
    readonly violations?: readonly Violation[];
    /** What has run to its end before it, in that order. */
    readonly earlier?: readonly Trial[];
}

/** Looks at one trial with all rules. */
export async function findingsOf(
    migration: Migration,
    trial: Trial,
    look: TargetLook,
    settings: FindingSettings,
    { violations = [], earlier = [] }: Beside = {},
): Promise<Told> {
    const scene = await sceneOf(migration, trial, look, settings, earlier);
    const locks = heldLocks(scene);
    const views = await viewFindings(scene);
    const findings = [
        ...failureFindings(trial),
        ...violationFindings(violations, trial),
        ...destructiveFindings(scene),
        ...rowFindings(scene),
        ...typeFindings(scene),
        ...blockingFindings(locks, scene),
        ...rowSecurityFindings(scene),
        ...(await policyFindings(scene)),
        ...grantFindings(scene),
        ...functionFindings(scene),
        ...views,
        ...ownerFindings(scene),
        ...roleFindings(scene),
        ...bucketFindings(scene),
        ...sequenceFindings(scene),
        ...(trial.part === "up" ? irreversibleFindings(scene) : await noWayBackFindings(migration)),
        ...wayBackFindings(violations, trial, scene.directives.irreversible),
        ...unreadFindings(scene),
        ...noteFindings(scene),
        ...advisorFindings(scene, views),
    ];
    return { findings: byImportance(findings), locks, scene };
}

/** What the text alone tells of a file that no shadow could try. @param why in words that go on after "NOT VERIFIED" */
export async function findingsByText(
    migration: Migration,
    look: TargetLook,
    settings: FindingSettings,
    why: string,
    { part = "up", earlier = [] }: { readonly part?: Trial["part"]; readonly earlier?: readonly Trial[] } = {},
): Promise<Told> {
    const trial = await trialByText(migration, part, look, earlier);
    const scene = await sceneOf(migration, trial, look, settings, earlier);
    const locks = heldLocks(scene);
    const findings = [
        unverified(fileName(migration, part), why),
        ...destructiveFindings(scene),
        ...rowFindings(scene),
        ...blockingFindings(locks, scene),
        ...insecureByText(scene),
        ...bucketFindings(scene),
        ...sequenceFindings(scene),
        ...(part === "up" ? irreversibleFindings(scene) : await noWayBackFindings(migration)),
        ...unreadFindings(scene),
    ];
    return { findings: byImportance(findings), locks, scene };
}

function unverified(object: string, why: string): Finding {
    const words = `was not tried, this is read from its text: ${why}`;
    return { code: "not-verified", level: "unverified", object, words, stops: false };
}

function failureFindings({ failure }: Trial): Finding[] {
    if (failure === undefined) return [];
    const { place, message, detail, hint, cause } = failure;
    const more = [detail, hint].filter(Boolean).join(" ");
    const words = more ? `${message} (${more})` : message;
    return cause === "migration"
        ? [
              {
                  code: "migration-fails",
                  level: "failing",
                  object: place.file,
                  ...placed(place),
                  words: `PostgreSQL refuses it: ${words}`,
                  stops: true,
              },
          ]
        : [
              {
                  code: "shadow-cannot",
                  level: "unverified",
                  object: place.file,
                  ...placed(place),
                  words: `NOT VERIFIED: ${cause === "time" ? "" : "the shadow cannot represent this: "}${words}`,
                  stops: false,
              },
          ];
}
