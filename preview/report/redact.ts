/** What stands in a statement where a secret may: after `password`, and in a connection string. */
const secrets: readonly (readonly [RegExp, string])[] = [
    [/(\bpassword["']?\s*(?:=>?|:)?\s*(?:e|u&)?)(?:'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\2\$|"[^"]*")/gi, "$1'…'"],
    [/(\bpassword\s*=\s*)[^\s'">]+/gi, "$1…"],
    [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*:)[^\s@/]+@/gi, "$1…@"],
    // Keys of a project: JSON Web Tokens, such as the service key was, and the form of today.
    [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, "…"],
    [/\bsb_secret_[\w-]+/g, "…"],
];

/** The same value with secrets taken out of every text in it: reports go into pull requests. */
export function redacted<T>(value: T): T {
    if (typeof value === "string")
        return secrets.reduce((text, [pattern, instead]) => text.replace(pattern, instead), value as string) as T;
    if (Array.isArray(value)) return value.map(redacted) as T;
    if (typeof value !== "object" || value === null || value instanceof Map || value instanceof Set) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(item)])) as T;
}
