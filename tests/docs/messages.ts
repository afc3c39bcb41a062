import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { root } from "./pages.ts";

/** Where the messages for people are written. */
const places = ["runner", "preview", "authoring", "components", "local", "toolchain"];
const files = ["config.ts", "configKeys.ts", "index.ts"];

/** A pattern with less text of its own would fit anything. */
const leastLetters = 10;

/** Stands in a text for whatever is put in there. */
const hole = "\u0000";

/**
 * Every line of every string in the sources, as a pattern in which whatever is put in stands for any text. So a
 * message that is quoted in a page can be looked up, whatever version or host it names.
 */
export async function messagePatterns(): Promise<RegExp[]> {
    const below = await Promise.all(
        places.map(async place =>
            (await readdir(join(root, place), { recursive: true })).map(name => join(place, name)),
        ),
    );
    const sources = [...files, ...below.flat().filter(name => /\.(ts|mjs)$/.test(name))];
    const texts = await Promise.all(sources.map(name => readFile(join(root, name), "utf8")));
    return texts.flatMap(text => {
        const patterns: RegExp[] = [];
        collect(ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, false), patterns);
        return patterns;
    });
}

/** What the SQL of the migrations raises, with `%` standing for any text. */
export async function raisedPatterns(): Promise<RegExp[]> {
    const names = (await readdir(join(root, "sql"), { recursive: true })).filter(name => name.endsWith(".sql"));
    const texts = await Promise.all(names.map(name => readFile(join(root, "sql", name), "utf8")));
    return texts.flatMap(text =>
        [...text.matchAll(/\bmessage = (?:format\()?'((?:[^']|'')+)'/g)].flatMap(([, message = ""]) =>
            toPatterns([message.replaceAll("''", "'").replaceAll(/%[sIL]?/g, hole)]),
        ),
    );
}

/** What sql/preconditions.sql says of an object, and in brackets what is to be done. */
export async function obstaclePatterns(): Promise<RegExp[]> {
    const text = await readFile(join(root, "sql/preconditions.sql"), "utf8");
    return [...text.matchAll(/^ +(?:(?:when \w+ then|else) )?(?:format\()?'((?:[^']|'')+)'/gm)].flatMap(
        ([, problem = ""]) => {
            const words = problem.replaceAll("''", "'").replaceAll(/%(?:\d\$)?[sIL]/g, hole);
            return toPatterns([`${hole}: ${words} (${hole})`]);
        },
    );
}

/** An error that is made for a person. */
export interface ErrorText {
    readonly file: string;
    /** As it stands in the source. */
    readonly text: string;
    /** Of its lines that have a text of their own. */
    readonly patterns: readonly RegExp[];
}

/** The errors that the files make, without those whose words all come from elsewhere. */
export async function errorPatterns(files: readonly string[]): Promise<ErrorText[]> {
    const found = await Promise.all(
        files.map(async file => {
            const source = ts.createSourceFile(
                file,
                await readFile(join(root, file), "utf8"),
                ts.ScriptTarget.Latest,
                true,
            );
            const errors: ErrorText[] = [];
            const visit = (node: ts.Node) => {
                const [message] = ts.isNewExpression(node) ? (node.arguments ?? []) : [];
                if (message && ts.isNewExpression(node) && /^(User|Sql)Error$/.test(node.expression.getText())) {
                    const patterns = toPatterns(textOf(message) ?? []);
                    if (patterns.length > 0) errors.push({ file, text: message.getText(), patterns });
                }
                ts.forEachChild(node, visit);
            };
            visit(source);
            return errors;
        }),
    );
    return found.flat();
}

/**
 * A line, and what remains of it without what others put before it: the toolchain's name, an arrow, a place,
 * Pulumi's columns and the database of a step.
 */
export function readings(line: string): string[] {
    const said = line.trim().replace(/^toolchain: +/, "");
    return [
        line.trim(),
        said,
        said.replace(/^(→|in) /, ""),
        said.replace(/^sql\/\S+:\d+: (?=[a-z])/, ""),
        said
            .replace(/^\+ +command:local:Command schema-\d{4} created \([\d.]+s\) /, "")
            .replace(/( in \d+ ms)? on \d+\/\w+$/, ""),
    ];
}

function collect(node: ts.Node, patterns: RegExp[]): void {
    const text = textOf(node);
    if (text !== undefined) patterns.push(...toPatterns(text));
    // What is put into a text may be one as well.
    ts.forEachChild(node, child => collect(child, patterns));
}

/** The texts of an expression with a hole (undefined) for each thing that is put in; undefined: it is no text. */
function textOf(node: ts.Node): (string | undefined)[] | undefined {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text];
    if (ts.isTemplateExpression(node)) {
        return [node.head.text, ...node.templateSpans.flatMap(({ literal }) => [undefined, literal.text])];
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
        const [left, right] = [textOf(node.left), textOf(node.right)];
        return left || right ? [...(left ?? [undefined]), ...(right ?? [undefined])] : undefined;
    }
    return undefined;
}

function toPatterns(parts: readonly (string | undefined)[]): RegExp[] {
    return parts
        .map(part => part ?? hole)
        .join("")
        .split("\n")
        .map(line => line.trim())
        .filter(line => line.replaceAll(hole, "").replaceAll(/\s/g, "").length >= leastLetters)
        .map(line => new RegExp(`^${line.split(hole).map(escaped).join(".*")}$`));
}

function escaped(text: string): string {
    return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
