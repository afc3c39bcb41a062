/**
 * Breaks a text into lines no longer than `width`, where there is a space; a word that is longer stands on a line of its
 * own, and two dashes stay with what follows them.
 *
 * @param hang what every line but the first begins with
 */
export function wrap(text: string, width: number, hang = ""): string[] {
    const [indent = ""] = /^ */.exec(text) ?? [];
    const words = text.slice(indent.length).split(/(?<!(?:^|[ "(])--) /);
    const lines: string[] = [];
    let line = indent;
    let isFresh = true;
    for (const word of words) {
        if (!isFresh && line.length + 1 + word.length > width) {
            lines.push(line);
            line = hang;
            isFresh = true;
        }
        line += isFresh ? word : ` ${word}`;
        isFresh = false;
    }
    return [...lines, line];
}

/** Cuts a line that is too long, so that one cannot fill a screen. */
export function shortened(text: string, most: number): string {
    return text.length > most ? `${text.slice(0, most - 2).trimEnd()} …` : text;
}
