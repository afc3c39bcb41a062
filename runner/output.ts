/** Takes a line for people. */
export type Say = (line: string) => void;

/** Progress and warnings go to stderr: stdout holds what a command is asked for, of a step the line that the state keeps. */
export function say(line: string): void {
    process.stderr.write(`${line}\n`);
}

/** A line of what a command is asked for. */
export function print(line: string): void {
    process.stdout.write(`${line}\n`);
}
