import type { BlockContent, ListItem, PhrasingContent, RootContent, TableCell } from "mdast";
import { gfmTableToMarkdown } from "mdast-util-gfm-table";
import { toMarkdown } from "mdast-util-to-markdown";

/** What can stand in a line: text, or nodes. */
export type Words = string | readonly PhrasingContent[];

/** Markdown of these blocks; the library escapes what would be markup. */
export function markdown(blocks: readonly RootContent[]): string {
    return toMarkdown(
        { type: "root", children: [...blocks] },
        { bullet: "-", extensions: [gfmTableToMarkdown({ tablePipeAlign: false })] },
    );
}

export function heading(depth: 2 | 3, ...words: readonly Words[]): RootContent {
    return { type: "heading", depth, children: line(...words) };
}

export function paragraph(...words: readonly Words[]): BlockContent {
    return { type: "paragraph", children: line(...words) };
}

/** A list of lines, each with a list below it where it has more to say. */
export function list(items: readonly { readonly words: Words; readonly below?: readonly Words[] }[]): BlockContent {
    const item = (words: Words, below: readonly Words[]): ListItem => ({
        type: "listItem",
        spread: false,
        children: [paragraph(words), ...(below.length > 0 ? [list(below.map(each => ({ words: each })))] : [])],
    });
    return {
        type: "list",
        ordered: false,
        spread: false,
        children: items.map(each => item(each.words, each.below ?? [])),
    };
}

export function table(head: readonly Words[], rows: readonly (readonly Words[])[]): BlockContent {
    const row = (cells: readonly Words[]) => ({
        type: "tableRow" as const,
        children: cells.map((cell): TableCell => ({ type: "tableCell", children: line(cell) })),
    });
    return { type: "table", children: [head, ...rows].map(row) };
}

/** Folded away, under a title of our own. */
export function details(title: string, ...blocks: readonly RootContent[]): RootContent[] {
    return [html(`<details><summary>${title}</summary>`), ...blocks, html("</details>")];
}

export function sql(text: string): BlockContent {
    return { type: "code", lang: "sql", value: text };
}

/** Markup of our own: never with a name or a definition in it. */
export function html(value: string): BlockContent & PhrasingContent {
    return { type: "html", value };
}

/** A name or a definition, word for word but for line breaks. */
export function code(text: string): PhrasingContent[] {
    return [{ type: "inlineCode", value: oneLine(text) }];
}

export function strong(...words: readonly Words[]): PhrasingContent[] {
    return [{ type: "strong", children: line(...words) }];
}

export function emphasis(text: string): PhrasingContent[] {
    return [{ type: "emphasis", children: line(text) }];
}

/** Several in one line. */
export function line(...words: readonly Words[]): PhrasingContent[] {
    return words.flatMap(each => (typeof each === "string" ? plain(each) : each));
}

/** Where GitHub would notify somebody, refer to an issue or make a link of what is no markup. */
const live = /(?<=[@#])(?=[\w])|(?<=\bGH)(?=-\d)|(?<=\b(?:https?|ftp|mailto|xmpp):)|(?<=\bwww)(?=\.)/gi;

/** Text in which nothing is live: an empty comment stands in between, which nobody sees. */
function plain(text: string): PhrasingContent[] {
    return oneLine(text)
        .split(live)
        .flatMap((value, index) => [...(index > 0 ? [html("<!-- -->")] : []), { type: "text" as const, value }]);
}

function oneLine(text: string): string {
    return text.replaceAll(/\s*\n\s*/g, " ");
}
