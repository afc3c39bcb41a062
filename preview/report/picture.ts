import type { Diagram, DiagramTable, Mark } from "./diagram.ts";
import { type Markup, markup } from "./markup.ts";

const width = 240;
const gap = 56;
const rowHeight = 18;
const perRow = 3;
/** Columns that do not change are left out beyond so many. */
const mostColumns = 12;

interface Box {
    readonly table: DiagramTable;
    readonly lines: readonly { readonly text: string; readonly type: string; readonly mark: Mark }[];
    readonly x: number;
    readonly y: number;
    readonly height: number;
}

/** The signs that stand beside the colours, for whoever does not see those. */
const signs: Readonly<Record<Mark, string>> = { new: "+ ", gone: "− ", changed: "~ ", same: "" };

/** The tables as boxes with their columns, and their foreign keys as lines. */
export function pictureOf(diagram: Diagram): Markup {
    const boxes = laidOut(diagram.tables);
    const height = Math.max(0, ...boxes.map(box => box.y + box.height)) + 8;
    const find = (name: string) => boxes.find(({ table }) => table.name === name);
    const lines = diagram.references.flatMap(({ from, to, mark }) => {
        const [one, other] = [find(from), find(to)];
        return one && other && one !== other ? markup`<path class="${mark}" d="${connection(one, other)}" />` : [];
    });
    const words = diagram.tables.map(({ name, mark }) => `${name}${mark === "same" ? "" : ` (${mark})`}`).join(", ");
    return markup`<svg
        viewBox="0 0 ${perRow * width + (perRow - 1) * gap + 8} ${height}"
        role="img"
        aria-labelledby="picture-title picture-words"
    >
        <title id="picture-title">The tables that change and those that they point at</title>
        <desc id="picture-words">${words}</desc>
        ${lines}${boxes.map(boxMarkup)}
    </svg>`;
}

/** Each into the column of the picture that is the shortest so far. */
function laidOut(tables: readonly DiagramTable[]): Box[] {
    const bottoms = Array.from({ length: perRow }, () => 4);
    return tables.map(table => {
        const lines = linesOf(table);
        const height = 30 + lines.length * rowHeight;
        const column = bottoms.indexOf(Math.min(...bottoms));
        const y = bottoms[column] ?? 4;
        bottoms[column] = y + height + 28;
        return { table, lines, x: 4 + column * (width + gap), y, height };
    });
}

function linesOf({ columns }: DiagramTable): Box["lines"] {
    const isShort = columns.length <= mostColumns;
    const shown = isShort
        ? columns
        : columns.filter(({ mark }, index) => mark !== "same" || index < 3).slice(0, mostColumns * 2);
    const rest = columns.length - shown.length;
    const lines = shown.map(({ name, type, mark }) => ({ text: `${signs[mark]}${name}`, type, mark }));
    return rest > 0 ? [...lines, { text: `… and ${rest} more`, type: "", mark: "same" }] : lines;
}

function boxMarkup({ table, lines, x, y, height }: Box): Markup {
    return markup`<g>
        <rect class="box ${table.mark}" x="${x}" y="${y}" width="${width}" height="${height}" rx="4" />
        <text class="name ${table.mark}" x="${x + 10}" y="${y + 19}">${cut(signs[table.mark] + table.name, 30)}</text>
        ${lines.map(({ text, type, mark }, index) => {
            const baseline = y + 40 + index * rowHeight;
            const name = cut(text, 20);
            return markup`<text class="${mark}" x="${x + 10}" y="${baseline}">${name}</text>
                <text class="type" x="${x + width - 10}" y="${baseline}" text-anchor="end"
                    >${cut(type, 29 - name.length)}</text
                >`;
        })}
    </g>`;
}

/** A curve from side to side; between boxes of one column around their left. */
function connection(from: Box, to: Box): string {
    const [y1, y2] = [from.y + 15, to.y + 15];
    if (from.x === to.x) return `M ${from.x} ${y1} C ${from.x - 30} ${y1} ${to.x - 30} ${y2} ${to.x} ${y2}`;
    const isRight = to.x > from.x;
    const x1 = isRight ? from.x + width : from.x;
    const x2 = isRight ? to.x : to.x + width;
    const bend = isRight ? gap : -gap;
    return `M ${x1} ${y1} C ${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function cut(text: string, most: number): string {
    return text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text;
}
