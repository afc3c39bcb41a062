/** A column of a table for people. */
export interface Column {
    readonly title: string;
    readonly align?: "right";
    /** Its texts may be cut, so that the table fits; for one column of a table. */
    readonly mayBeCut?: true;
}

/** What a terminal is wide at least, in characters. */
const width = 80;
const gap = "  ";

/** The lines of a table, the titles first, no wider than 80 characters as far as cutting one column can do it. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
    const lines = [columns.map(({ title }) => title.toUpperCase()), ...rows];
    const widths = columns.map((_, index) => Math.max(...lines.map(line => line[index]?.length ?? 0)));
    const total = widths.reduce((sum, one) => sum + one, gap.length * (columns.length - 1));
    const cut = columns.findIndex(({ mayBeCut }) => mayBeCut);
    if (total > width && cut >= 0) widths[cut] = Math.max(12, (widths[cut] ?? 0) - (total - width));
    return lines.map(line =>
        columns
            .map(({ align }, index) => {
                const text = shortened(line[index] ?? "", widths[index] ?? 0);
                return align === "right" ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
            })
            .join(gap)
            .trimEnd(),
    );
}

/** Keeps the end: names differ there. */
function shortened(text: string, most: number): string {
    return text.length > most ? `…${text.slice(text.length - most + 1)}` : text;
}
