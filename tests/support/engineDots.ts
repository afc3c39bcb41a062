/**
 * What the engine printed, without the dots by which it shows that it is still at work. Where they come is a matter of
 * time; where a row comes at once with them, it stands on their line (`@ previewing update....    pulumi:pulumi:Stack …`).
 */
export function withoutDots(output: string): string {
    return output.replaceAll(/^@ (?:previewing [a-z]+|[a-z]+ing)(?:\.+\n?|\n|(?=\s))/gm, "");
}
