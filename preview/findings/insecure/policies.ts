import type { ChangedAspect } from "../../changes/comparison.ts";
import { clause, type Policy, readPolicy } from "../../changes/policy.ts";
import { schemaOf } from "../../changes/aspect.ts";
import { type Finding, insecure, note } from "../finding.ts";
import { isAlwaysTrue, isOfRowAlone } from "../condition.ts";
import type { Scene } from "../scene.ts";

/** Whom the API turns a caller into, and who includes them. */
const callers = ["anon", "authenticated", "public"];

/** Policies that are gone, that let more through than before, or that let everything through. */
export async function policyFindings({
    comparison,
    exposed,
}: Pick<Scene, "comparison" | "exposed">): Promise<Finding[]> {
    const policies = comparison.changed.filter(({ kind }) => kind === "policy");
    return (await Promise.all(policies.map(policy => findingsOf(policy, comparison, exposed)))).flat();
}

async function findingsOf(
    aspect: ChangedAspect,
    { before, after }: Scene["comparison"],
    exposed: Scene["exposed"],
): Promise<Finding[]> {
    const { object, part = "" } = aspect;
    const name = `policy ${part} on ${object}`;
    const was = aspect.before === null ? undefined : readPolicy(aspect.before);
    const is = aspect.after === null ? undefined : readPolicy(aspect.after);
    if (was && !is) {
        // With its table goes what it guarded.
        if (!after.has(`row level security of ${object}`)) return [];
        const same = sameUnderAnotherName(aspect, { before, after });
        if (same) return [note("policy-renamed", name, `has the name ${same} now`)];
        return [
            insecure(
                "policy-dropped",
                name,
                was.permissive
                    ? `is dropped: ${was.roles.join(", ")} can no longer ${was.command === "all" ? "reach rows" : was.command} by it`
                    : "is dropped: it was restrictive, so the others now let more through",
            ),
        ];
    }
    if (!is) return [];
    if (!was) {
        if (sameUnderAnotherName(aspect, { before, after })) return [];
        return await newPolicy(name, object, is, exposed);
    }
    const wider = await widened(was, is);
    if (wider.length > 0) return [insecure("policy-widened", name, wider.join("; "))];
    const changes = changedClauses(was, is);
    if (changes.length === 0) return [];
    return [note("policy-changed", name, `${changes.join("; ")}: compare who gets more by it`)];
}

async function newPolicy(name: string, object: string, policy: Policy, exposed: Scene["exposed"]): Promise<Finding[]> {
    if (!policy.permissive) return [];
    const everybody = policy.roles.filter(role => callers.includes(role));
    if (everybody.length === 0) return [];
    const does = policy.command === "all" ? "do everything with" : policy.command;
    const open = await openClauses(policy);
    if (open.length > 0) {
        const why = `${open.join(" and ")} is always true`;
        return [insecure("policy-open", name, `lets ${everybody.join(", ")} ${reachOf(policy, open, does)}: ${why}`)];
    }
    const isOfFiles = object === "storage.objects";
    if (policy.roles.includes("anon") || (policy.roles.includes("public") && isOfFiles && (await isForWhoever(policy))))
        return [insecure("policy-for-anon", name, `lets anon ${does} rows: whoever has the public key`)];
    const schema = schemaOf(object) ?? "";
    if (policy.roles.includes("public") && (exposed.has(schema) || schema === "storage")) {
        return [note("policy-for-everybody", name, `is for every role, anon included: its condition alone decides`)];
    }
    return [];
}

/** What callers may do by an open policy. Where only new values are free, `using` still says of which rows. */
function reachOf({ command, using }: Policy, open: readonly string[], does: string): string {
    if (command === "insert" || open.includes("using")) return `${does} every row`;
    const reached = using === undefined ? "rows that other policies reach" : "the rows that it reaches";
    return `${command === "all" ? "insert any row and " : ""}write any values into ${reached}`;
}

/** The condition of a policy for files often names a bucket and nobody: that holds for whoever comes. */
async function isForWhoever({ command, using, check }: Policy): Promise<boolean> {
    const guarding = command === "insert" ? check : using;
    return guarding !== undefined && (await isOfRowAlone(guarding));
}

/** What in words lets more through than before, as far as that can be known. */
async function widened(was: Policy, is: Policy): Promise<string[]> {
    const roles = is.roles.filter(role => !was.roles.includes(role) && !was.roles.includes("public"));
    const opened = (await openClauses(is)).filter(clauseName => {
        const old = clauseName === "using" ? was.using : (was.check ?? was.using);
        return old !== undefined;
    });
    // For those whom it is for now: `is signed in` was no less true of them.
    const before = await openClauses({ ...was, roles: is.roles });
    return [
        ...(is.permissive && !was.permissive ? ["is permissive now: rows need to pass only one of those"] : []),
        ...(was.permissive && roles.length > 0 ? [`is for ${roles.join(", ")} too`] : []),
        ...(was.permissive && is.permissive && !covers(was, is)
            ? [`is for ${is.command === "all" ? "all commands" : is.command}, was for ${was.command}`]
            : []),
        ...opened.filter(name => !before.includes(name)).map(name => `${name} is always true now`),
        // A restrictive policy for fewer roles or commands holds fewer back.
        ...(!was.permissive && was.roles.some(role => !is.roles.includes(role)) && !is.roles.includes("public")
            ? [`is restrictive for ${is.roles.join(", ")} only`]
            : []),
        ...(!was.permissive && !is.permissive && !covers(is, was) ? [`is restrictive for ${is.command} only`] : []),
    ];
}

/** Whether the first is for all that the second is for. */
function covers(one: Policy, other: Policy): boolean {
    return one.command === "all" || one.command === other.command;
}

async function openClauses({ command, roles, using, check }: Policy): Promise<("using" | "with check")[]> {
    const isSignedIn = roles.includes("authenticated") && !roles.includes("anon") && !roles.includes("public");
    const open: ("using" | "with check")[] = [];
    if (using !== undefined && (await isAlwaysTrue(using, isSignedIn))) open.push("using");
    // Without a check of its own, using holds for new rows as well.
    if (check !== undefined && command !== "select" && (await isAlwaysTrue(check, isSignedIn))) open.push("with check");
    return open;
}

function changedClauses(was: Policy, is: Policy): string[] {
    const changed = (word: string, old: string | undefined, now: string | undefined) =>
        old === now
            ? []
            : [
                  `${word} was ${old === undefined ? "not there" : clause(old)}, is ${now === undefined ? "not there" : clause(now)}`,
              ];
    return [
        ...changed("using", was.using, is.using),
        ...changed("with check", was.check, is.check),
        ...(was.command === is.command ? [] : [`was for ${was.command}, is for ${is.command}`]),
    ];
}

/** The name under which a policy that seems to be gone, or new, is there on the other side. */
function sameUnderAnotherName(
    { key, object, before: was, after: is }: ChangedAspect,
    { before, after }: Pick<Scene["comparison"], "before" | "after">,
): string | undefined {
    const [mine, there, notThere] = is === null ? [was, after, before] : [is, before, after];
    const twin = [...there].find(
        ([other, text]) =>
            other !== key &&
            text === mine &&
            !notThere.has(other) &&
            other.startsWith("policy ") &&
            other.endsWith(` on ${object}`),
    );
    return twin?.[0].slice("policy ".length, -` on ${object}`.length);
}
