import { explain } from "../../../runner/userError.ts";
import type { Checked, Difference, Failure } from "../provider.ts";
import { refusal } from "../refusal.ts";
import { holdsUnknown, type Properties, plain, same } from "../values.ts";
import { OFFICIAL } from "./settings.ts";

/** One property of a resource, as the official plugin's schema describes it. */
export interface Attribute {
    /** A set is a list whose order and repetitions mean nothing. */
    readonly kind: "text" | "number" | "boolean" | "list" | "set";
    readonly required?: true;
    /** Stored when the program says nothing. */
    readonly default?: string | number | boolean;
    /** A change replaces the resource. */
    readonly replaces?: true;
    readonly oneOf?: readonly string[];
    readonly atLeast?: number;
    /** The official plugin knows it, this one does not. */
    readonly official?: true;
}

/** The schema of one kind of resource, by property name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** Checks the inputs and adds the defaults, listed in `__defaults` as the official plugin does. */
export function checkAttributes(attributes: Attributes, given: Properties): Checked {
    const failures: Failure[] = [];
    const values = plain(given) as Properties;
    for (const [property, value] of Object.entries(values)) {
        const attribute = attributes[property];
        if (property.startsWith("__") || value === null) continue;
        if (attribute === undefined) failures.push({ property, reason: "is not an input of this resource" });
        else if (attribute.official) {
            failures.push({ property, reason: explain(refusal(OFFICIAL, `does not know the input ${property}`)) });
        } else if (!holdsUnknown(value)) {
            const reason = objection(attribute, value);
            if (reason !== undefined) failures.push({ property, reason });
        }
    }
    const inputs: Properties = { ...given };
    const defaults: string[] = [];
    for (const [property, attribute] of Object.entries(attributes)) {
        if ((values[property] ?? undefined) !== undefined) continue;
        if (attribute.required) failures.push({ property, reason: "is required" });
        if (attribute.default === undefined) continue;
        inputs[property] = attribute.default;
        defaults.push(property);
    }
    return { inputs: { ...inputs, __defaults: defaults.sort() }, failures };
}

/** Compares the new inputs with what the state says is there, so that drift which a refresh found is mended. */
export function diffAttributes(attributes: Attributes, outputs: Properties, inputs: Properties): Difference {
    const before = plain(outputs) as Properties;
    const after = plain(inputs) as Properties;
    const changed = Object.keys(attributes).filter(name => {
        const attribute = attributes[name] as Attribute;
        return !same(comparable(attribute, before[name]), comparable(attribute, after[name]));
    });
    return { changed, replaces: changed.filter(name => attributes[name]?.replaces), deleteFirst: false };
}

/** The stored inputs with what a refresh found different, so that the next preview shows how to mend it. */
export function refreshedInputs(attributes: Attributes, outputs: Properties, inputs: Properties): Properties {
    const { changed } = diffAttributes(attributes, outputs, inputs);
    const found = changed.filter(name => inputs[name] !== undefined).map(name => [name, outputs[name]]);
    return { ...inputs, ...(Object.fromEntries(found) as Properties) };
}

/** A list of texts among plain properties; an absent one is empty. */
export function texts(properties: Properties, name: string): string[] {
    const value = properties[name];
    return Array.isArray(value) ? value.map(String) : [];
}

/** A text among plain properties; an absent one is empty. */
export function text(properties: Properties, name: string): string {
    return String(properties[name] ?? "");
}

/** `found` in the order of `known` when both are the same set: the catalog's order must not look like a change. */
export function inKnownOrder(known: readonly string[], found: readonly string[]): string[] {
    return sameSet(known, found) ? [...known] : sorted(found);
}

/** Whether two lists hold the same texts, whatever their order. */
export function sameSet(left: readonly string[], right: readonly string[]): boolean {
    return same(sorted(left), sorted(right));
}

function objection(attribute: Attribute, value: unknown): string | undefined {
    const { kind, oneOf, atLeast } = attribute;
    if (kind === "list" || kind === "set") {
        return Array.isArray(value) && value.every(item => typeof item === "string")
            ? undefined
            : "must be a list of texts";
    }
    const type = kind === "text" ? "string" : kind;
    if (typeof value !== type) return `must be a ${kind}`;
    if (oneOf !== undefined && !oneOf.includes(String(value)))
        return `must be one of ${oneOf.join(", ")}, not ${value}`;
    if (atLeast !== undefined && Number(value) < atLeast) return `must be at least ${atLeast}, not ${value}`;
    return undefined;
}

function comparable(attribute: Attribute, value: unknown): unknown {
    if (attribute.kind === "set") return Array.isArray(value) ? sorted(value.map(String)) : (value ?? []);
    if (value !== undefined && value !== null) return value;
    if (attribute.default !== undefined) return attribute.default;
    return { text: "", number: 0, boolean: false, list: [] as string[] }[attribute.kind];
}

function sorted(items: readonly string[]): string[] {
    return [...new Set(items)].sort();
}
