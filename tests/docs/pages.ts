import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const root = dirname(dirname(import.meta.dirname));

/** A page for people. */
export interface Page {
    /** Relative to the project's root. */
    readonly file: string;
    readonly text: string;
}

/** The pages of this project: README, CHANGELOG, docs, and the READMEs and conventions beside what they are about. */
export async function readPages(): Promise<Page[]> {
    const docs = (await readdir(join(root, "docs"))).filter(name => name.endsWith(".md")).map(name => `docs/${name}`);
    const files = ["README.md", "CHANGELOG.md", ...docs.sort(), "sql/CONVENTIONS.md", "local/storage/README.md"];
    return await Promise.all(files.map(readPage));
}

export async function readPage(file: string): Promise<Page> {
    return { file, text: await readFile(join(root, file), "utf8") };
}

/** The contents of the fenced blocks of a page that are marked with a language. */
export function fences({ text }: Page, language: string): string[] {
    return [...text.matchAll(/^ *```(\S*)\n([\s\S]*?)^ *```$/gm)].flatMap(([, marked, content = ""]) =>
        marked === language ? [content] : [],
    );
}

/** What stands between single backticks, outside of fenced blocks. */
export function codeSpans(page: Page): string[] {
    return [...withoutFences(page).matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code.replaceAll(/\s+/g, " "));
}

/** What a reader may type: spans, and blocks of any language but `text`, which quote messages. */
export function code(page: Page): string {
    const blocks = [...page.text.matchAll(/^ *```(\S*)\n([\s\S]*?)^ *```$/gm)];
    return [
        ...codeSpans(page),
        ...blocks.flatMap(([, marked, content = ""]) => (marked === "text" ? [] : content)),
    ].join("\n");
}

export function withoutFences({ text }: Page): string {
    return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
}

/** The rows of the tables of a page, cell by cell, without their heads; `\|` is a stroke. */
export function tableRows({ text }: Page): string[][] {
    const lines = text.split("\n").map(line => line.trim());
    return lines
        .filter((line, index) => {
            const isHead = /^\|[-:| ]+\|$/.test(lines[index + 1] ?? "");
            return line.startsWith("|") && !isHead && !/^\|[-:| ]+\|$/.test(line);
        })
        .map(line =>
            line
                .slice(1, -1)
                .split(/(?<!\\)\|/)
                .map(cell => cell.trim()),
        );
}
