/**
 * Runs every case once per round, so that what disturbs the machine for a while disturbs all of them, and each round
 * starts with another one, so that none is always first.
 *
 * @param cases each prepares its own ground and returns what it measured
 * @returns the results of each case, in the order of the rounds
 */
export async function inRounds<Result>(
    rounds: number,
    cases: ReadonlyMap<string, () => Promise<Result>>,
    say: (line: string) => void,
): Promise<Map<string, Result[]>> {
    const names = [...cases.keys()];
    const results = new Map(names.map(name => [name, [] as Result[]]));
    for (let round = 0; round < rounds; round += 1) {
        for (const [name, run] of rotated([...cases], round)) {
            say(`round ${round + 1} of ${rounds}: ${name}`);
            results.get(name)?.push(await run());
        }
    }
    return results;
}

function rotated<T>(list: readonly T[], by: number): T[] {
    const first = by % list.length;
    return [...list.slice(first), ...list.slice(0, first)];
}
