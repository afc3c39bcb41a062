/** HTML that needs no escaping any more. */
export class Markup {
    readonly text: string;

    constructor(text: string) {
        this.text = text;
    }
}

type Part = string | number | Markup | readonly Part[] | undefined;

/**
 * HTML in which everything that is put in is text, unless it is markup itself. The one place where a report escapes:
 * names, definitions and messages come from databases.
 */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
    return new Markup(strings.map((text, index) => text + rendered(parts[index])).join(""));
}

function rendered(part: Part): string {
    if (part === undefined) return "";
    if (part instanceof Markup) return part.text;
    if (typeof part === "string" || typeof part === "number") return escaped(String(part));
    return part.map(rendered).join("");
}

const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
};

function escaped(text: string): string {
    return text.replaceAll(/[&<>"']/g, character => entities[character] ?? character);
}
