import { closestMatch } from "leven";

/** The known word that a mistyped one was probably meant to be; undefined where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
    const small = new Map(known.map(each => [each.toLowerCase(), each]));
    // With more of its letters wrong it is another word.
    const maxDistance = Math.floor(word.length * 0.4);
    return small.get(closestMatch(word.toLowerCase(), [...small.keys()], { maxDistance }) ?? "");
}

/** ` (did you mean …?)`, or nothing: to be put behind what was not understood. */
export function didYouMean(word: string, known: readonly string[]): string {
    const guess = nearest(word, known);
    return guess === undefined ? "" : ` (did you mean ${guess}?)`;
}
