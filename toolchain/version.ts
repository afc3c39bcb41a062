/** A version such as "v3.230.0" or "go1.26.8" out of a program's words, as numbers; undefined when there is none. */
export function parseVersion(text: string): readonly number[] | undefined {
    const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
    return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
}

/** Is `version` the same as `least` or later? */
export function atLeast(version: readonly number[], least: string): boolean {
    const wanted = parseVersion(least) ?? [];
    for (const [place, number] of wanted.entries()) {
        const have = version[place] ?? 0;
        if (have !== number) return have > number;
    }
    return true;
}
