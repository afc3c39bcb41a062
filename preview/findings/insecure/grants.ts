import { schemaOf } from "../../changes/aspect.ts";
import type { ChangedAspect } from "../../changes/comparison.ts";
import { newObjects } from "../../changes/otherChange.ts";
import { allowedBy, gained, inWords, privilegesOf, withoutOption } from "../../changes/privileges.ts";
import { relationKind } from "../../changes/relationChange.ts";
import type { Catalog } from "../../../runner/catalog/catalog.ts";
import { type Finding, insecure, note } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { everybody, isInReach } from "./reach.ts";

const rowPrivileges = ["select", "insert", "update", "delete"];

/** What everybody gets, now or with the next object, and settings of the API. */
export function grantFindings({ comparison, exposed }: Scene): Finding[] {
    const { before, after } = comparison;
    return comparison.changed.flatMap(aspect => {
        const { kind, object, part = "" } = aspect;
        if (kind === "grants") return [...toEverybody(aspect), ...withoutRowSecurity(aspect)];
        if (kind === "default privileges") return defaults(aspect);
        return part === "" && isApiSetting(aspect)
            ? [insecure("api-settings-changed", object, "settings of the API change: check which schemas it shows")]
            : [];
    });

    function toEverybody(aspect: ChangedAspect): Finding[] {
        const { part = "", object, column } = aspect;
        if (!everybody.includes(part) || object.startsWith("type ")) return [];
        const given = gained(aspect.before, aspect.after).filter(
            one => !byDefault(aspect, before, after).includes(one),
        );
        if (given.length === 0) return [];
        const name = column === undefined ? object : `${object}.${column}`;
        const who = part === "anon" ? "anon" : "everybody (PUBLIC), so anon too,";
        const code = part === "anon" ? "grant-to-anon" : "grant-to-public";
        if (object.startsWith("function ") && !isInReach(schemaOf(object) ?? "", after, exposed))
            return [note(code, name, `${who} may ${inWords(given)}, by what names it: they may not use its schema`)];
        return [insecure(code, name, `${who} may ${inWords(given)}`)];
    }

    function withoutRowSecurity({ part, object, column, before: was, after: is }: ChangedAspect): Finding[] {
        const onTable = allowedBy(before.get(`grants on ${relationKind(before, object)} ${object} to ${part}`));
        const given = gained(was, is)
            .map(withoutOption)
            .filter(privilege => rowPrivileges.includes(privilege))
            .filter(privilege => column === undefined || !onTable.includes(privilege));
        const isOpen =
            after.get(`row level security of ${object}`) === "off" && before.has(`row level security of ${object}`);
        if (part !== "authenticated" || !isOpen || given.length === 0 || !exposed.has(schemaOf(object) ?? ""))
            return [];
        return [
            column === undefined
                ? insecure(
                      "grant-without-rls",
                      object,
                      `has no row level security, and every user may ${inWords(given)} all rows`,
                  )
                : insecure(
                      "grant-without-rls",
                      `${object}.${column}`,
                      `its table has no row level security, and every user may ${inWords(given)} it in all rows`,
                  ),
        ];
    }

    function defaults({ object, part, before: was, after: is }: ChangedAspect): Finding[] {
        if (part === undefined) {
            // Without such a row PostgreSQL gives functions and types to PUBLIC by itself.
            const opened = was !== null && is === null && / in all schemas on [fT]$/.test(object);
            return opened
                ? [
                      insecure(
                          "default-privileges-opened",
                          newObjects(object),
                          "everybody (PUBLIC) gets them, as PostgreSQL does by itself",
                      ),
                  ]
                : [];
        }
        const given = gained(was, is);
        if (!everybody.includes(part) || given.length === 0) return [];
        // The row for one role comes with the rows of those who have it by themselves.
        const type = / on (.)$/.exec(object)?.[1];
        const isFirst = !before.has(object) && / in all schemas /.test(object);
        if (isFirst && part === "public" && (type === "f" || type === "T")) return [];
        return [
            insecure(
                "default-privileges-opened",
                newObjects(object),
                `${part === "anon" ? "anon" : "everybody (PUBLIC)"} will ${inWords(given)}`,
            ),
        ];
    }
}

/** What a new object's grantee has because new objects are born with it; nothing for one that was there before. */
function byDefault({ object, part = "", key }: ChangedAspect, before: Catalog, after: Catalog): string[] {
    const kind = relationKind(after, object);
    const isNew = kind ? relationKind(before, object) === undefined : !before.has(object);
    if (!isNew || key.startsWith("grants on column ")) return [];
    const isFunction = object.startsWith("function ");
    const owner = kind ? after.get(`owner of ${kind} ${object}`) : /^owner (\S+)/.exec(after.get(object) ?? "")?.[1];
    const type = isFunction ? "f" : kind === "sequence" ? "S" : kind ? "r" : "n";
    const places = ["all schemas", schemaOf(object) ?? ""];
    const born = places.flatMap(place =>
        privilegesOf(after.get(`default privileges of ${owner} in ${place} on ${type} to ${part}`)),
    );
    const isOverruled = after.has(`default privileges of ${owner} in all schemas on ${type}`);
    return isFunction && part === "public" && !isOverruled ? ["execute", ...born] : born;
}

function isApiSetting({ key, before, after }: ChangedAspect): boolean {
    const lines = (text: string | null) => (text ?? "").split("\n").filter(line => line.startsWith("pgrst."));
    return key.startsWith("settings of ") && lines(before).join() !== lines(after).join();
}
