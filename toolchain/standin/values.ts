/** A property bag as it travels between the engine and a provider. */
export type Properties = Record<string, unknown>;

const SECRET_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_VALUE = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWNS: readonly string[] = [
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9", // a string, and the one that providers send
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // a boolean
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // a number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // a list
    "030794c1-ac77-496b-92df-f27374a8bd58", // an asset
    "e48ece36-62e2-4504-bad9-02848725956a", // an archive
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // an object
];

/** What stands for a value that nobody can know before `up`. */
export const UNKNOWN = UNKNOWNS[0] as string;

/** The same values without the marks of secrecy: for use, never for an answer to the engine. */
export function plain(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(plain);
    if (!isBag(value)) return value;
    if (value[SECRET_KEY] === SECRET_VALUE) return plain(value.value);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** Whether a plain value is, or holds anywhere, what only `up` will know. */
export function holdsUnknown(value: unknown): boolean {
    if (Array.isArray(value)) return value.some(holdsUnknown);
    if (isBag(value)) return Object.values(value).some(holdsUnknown);
    return typeof value === "string" && UNKNOWNS.includes(value);
}

/** Whether a value carries the mark of secrecy itself. */
function isSecret(value: unknown): boolean {
    return isBag(value) && value[SECRET_KEY] === SECRET_VALUE;
}

/** The value with the mark of secrecy, so that the engine encrypts it in the state and hides it in what it prints. */
export function secret(value: unknown): unknown {
    return isSecret(value) ? value : { [SECRET_KEY]: SECRET_VALUE, value };
}

/** Equal as values, whatever the order of an object's keys; null, undefined and absent are the same. */
export function same(left: unknown, right: unknown): boolean {
    if (Array.isArray(left) || Array.isArray(right)) {
        if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
        return left.every((item, index) => same(item, right[index]));
    }
    if (isBag(left) && isBag(right)) {
        return [...new Set([...Object.keys(left), ...Object.keys(right)])].every(key => same(left[key], right[key]));
    }
    return (left ?? undefined) === (right ?? undefined);
}

/** Without the keys whose value is undefined, which the wire format cannot carry. */
export function withoutUndefined(properties: Properties): Properties {
    return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}

/** An object with properties: neither null nor a list. */
export function isBag(value: unknown): value is Properties {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
