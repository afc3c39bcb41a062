import type { Diagram, DiagramReference, DiagramTable, Mark } from "./diagram.ts";
import { laidOut, type Point } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";

const width = 240;
const rowHeight = 18;
const gap = 28;
/** Of tables without a foreign key, which stand below the others. */
const perRow = 3;
/** Columns that do not change are left out beyond so many. */
const mostColumns = 12;

interface Box {
    readonly table: DiagramTable;
    readonly lines: readonly { readonly text: string; readonly type: string; readonly mark: Mark }[];
    readonly height: number;
}

interface Placed extends Box {
    readonly x: number;
    readonly y: number;
}

interface Line extends DiagramReference {
    readonly points: readonly Point[];
}

/** The signs that stand beside the colours, for whoever does not see those. */
const signs: Readonly<Record<Mark, string>> = { new: "+ ", gone: "− ", changed: "~ ", same: "" };

/** The tables as boxes with their columns, and their foreign keys as lines that end in a dot at the table pointed at. */
export function pictureOf(diagram: Diagram): Markup {
    const { boxes, lines } = drawn(diagram);
    const right = Math.max(
        0,
        ...boxes.map(({ x }) => x + width),
        ...lines.flatMap(({ points }) => points.map(p => p.x)),
    );
    const bottom = Math.max(0, ...boxes.map(({ y, height }) => y + height));
    const words = diagram.tables.map(({ name, mark }) => `${name}${mark === "same" ? "" : ` (${mark})`}`).join(", ");
    return markup`<svg
        viewBox="0 0 ${Math.ceil(right) + 4} ${Math.ceil(bottom) + 4}"
        width="${Math.ceil(right) + 4}"
        role="img"
        aria-labelledby="picture-title picture-words"
    >
        <title id="picture-title">The tables that change and those that they point at</title>
        <desc id="picture-words">${words}</desc>
        ${lines.map(lineMarkup)}${boxes.map(boxMarkup)}
    </svg>`;
}

/** What is connected stands from the table that points to the one pointed at; what is not, in columns below. */
function drawn({ tables, references }: Diagram): { boxes: Placed[]; lines: Line[] } {
    const boxes = tables.map((table): Box => {
        const lines = linesOf(table);
        return { table, lines, height: 30 + lines.length * rowHeight };
    });
    const number = new Map(tables.map(({ name }, index) => [name, index]));
    const between = references.flatMap(reference => {
        const [from, to] = [number.get(reference.from), number.get(reference.to)];
        return from === undefined || to === undefined || from === to ? [] : [{ reference, edge: [from, to] as const }];
    });
    const layout = laidOut(
        boxes.map(({ height }) => ({ width, height })),
        between.map(({ edge }) => edge),
    );
    const placed = boxes.flatMap((box, index) => {
        const middle = layout.nodes.get(index);
        return middle ? [{ ...box, x: middle.x - width / 2, y: middle.y - box.height / 2 }] : [];
    });
    const alone = boxes.filter((_, index) => !layout.nodes.has(index));
    return {
        boxes: [...placed, ...inColumns(alone, Math.max(0, ...placed.map(({ y, height }) => y + height)))],
        lines: between.map(({ reference }, index) => ({ ...reference, points: layout.edges[index] ?? [] })),
    };
}

/** Each into the column that is the shortest so far. */
function inColumns(boxes: readonly Box[], top: number): Placed[] {
    const bottoms = Array.from({ length: perRow }, () => top + (top > 0 ? gap : 4));
    return boxes.map(box => {
        const column = bottoms.indexOf(Math.min(...bottoms));
        const y = bottoms[column] ?? 0;
        bottoms[column] = y + box.height + gap;
        return { ...box, x: 4 + column * (width + gap), y };
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

function boxMarkup({ table, lines, x, y, height }: Placed): Markup {
    return markup`<g>
        <title>${signs[table.mark]}${table.name}</title>
        <rect class="box ${table.mark}" x="${x}" y="${y}" width="${width}" height="${height}" rx="6" />
        <text class="name ${table.mark}" x="${x + 10}" y="${y + 19}">${cut(signs[table.mark] + table.name, 29)}</text>
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

/** A curve through the middles of what the layout bent, so that no corner is left. */
function lineMarkup({ mark, name, from, to, points }: Line): Markup | undefined {
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const bends = points.slice(1, -1).map((point, index, all) => {
        const next = all[index + 1];
        const end = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : last;
        return `Q ${place(point)} ${place(end)}`;
    });
    return markup`<g>
        <title>${name}: ${from} → ${to}</title>
        <path class="${mark}" d="M ${place(first)} ${bends.length > 0 ? bends.join(" ") : `L ${place(last)}`}" />
        <circle class="${mark}" cx="${last.x}" cy="${last.y}" r="4" />
    </g>`;
}

function place({ x, y }: Point): string {
    return `${Math.round(x)} ${Math.round(y)}`;
}

function cut(text: string, most: number): string {
    return text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text;
}
