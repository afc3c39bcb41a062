/** How the first line of a draft begins: for a person who has read the file to put a sentence in its place. */
export const draftMark = "Here: ";

/** Whether nobody has read a file yet that was written for people: its first comment after the directives says so. */
export function isUnread(sql: string): boolean {
    const line = sql.split("\n").find(text => !/^\s*-- [a-z-]+: /.test(text));
    return line?.startsWith(`-- ${draftMark}`) ?? false;
}
