import { schemaOf } from "../../changes/aspect.ts";
import { functionTraits } from "../../changes/otherChange.ts";
import type { Catalog } from "../../../runner/catalog/catalog.ts";
import { type Finding, insecure } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { everybody } from "./reach.ts";

/** Functions that run with their owner's rights without care, or that everybody may call through the API. */
export function functionFindings({ comparison, exposed }: Scene): Finding[] {
    const { before, after, changed } = comparison;
    const names = new Set(
        changed.flatMap(({ object, after: is }) => (object.startsWith("function ") && is !== null ? object : [])),
    );
    return [...names].flatMap((name): Finding[] => {
        const definition = after.get(name);
        // One of another language than these is the server's own, such as the constructor of a range type.
        if (definition === undefined || !definition.includes("\n") || /\n LANGUAGE internal\n/.test(definition))
            return [];
        const isDefiner = definesSecurity(definition);
        const wasDefiner = definesSecurity(before.get(name) ?? "");
        const findings: Finding[] = [];
        if (isDefiner && !hasPath(definition) && !(wasDefiner && !hasPath(before.get(name) ?? ""))) {
            findings.push(
                insecure(
                    "definer-without-search-path",
                    name,
                    "is security definer and has no search_path of its own: a caller can put other functions in the way",
                ),
            );
        }
        const caller =
            isShown(name) && !/\n RETURNS (?:event_)?trigger\n/.test(definition) ? callable(after, name) : undefined;
        const isNews = !before.has(name) || callable(before, name) === undefined || (isDefiner && !wasDefiner);
        if (caller !== undefined && isNews) {
            findings.push(
                isDefiner
                    ? insecure(
                          "definer-for-anon",
                          name,
                          `runs with its owner's rights, and anon may call it through the API (by ${caller})`,
                      )
                    : {
                          code: "function-for-anon",
                          level: "note",
                          object: name,
                          words: `anon may call it through the API (by ${caller})`,
                          stops: false,
                      },
            );
        }
        return findings;
    });

    function isShown(name: string): boolean {
        return exposed.has(schemaOf(name) ?? "");
    }
}

/** Whose grant lets anon call it. */
function callable(catalog: Catalog, name: string): string | undefined {
    const grantees = everybody.filter(role => catalog.has(`grants on ${name} to ${role}`));
    return grantees.length === 0 ? undefined : `a grant to ${grantees.join(" and ").replace("public", "PUBLIC")}`;
}

function definesSecurity(definition: string): boolean {
    return functionTraits(definition).includes("security definer");
}

function hasPath(definition: string): boolean {
    return functionTraits(definition).some(trait => trait.startsWith("search_path "));
}
