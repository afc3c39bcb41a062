import { byteSize } from "../../runner/byteSize.ts";
import type { TableSize, TargetLook } from "../look/targetLook.ts";

/** `about 1.2 M rows, 3.4 GB` of a table of the target; `size unknown` when it is not there. */
export function liveSize(look: Pick<TargetLook, "tables">, table: string): string {
    const size = look.tables.get(table);
    return size ? sizeInWords(size) : "size unknown";
}

function sizeInWords({ rows, bytes }: TableSize): string {
    return `${rowsInWords(rows)}, ${byteSize(bytes)}`;
}

/** The estimate of the target's statistics; they say -1 of a table that was never analyzed. */
export function rowsInWords(rows: number): string {
    if (rows < 0) return "never analyzed";
    return rows === 1 ? "about 1 row" : `about ${shortNumber(rows)} rows`;
}

/** `812`, `12 k`, `1.2 M` */
export function shortNumber(value: number): string {
    const steps: readonly (readonly [number, string])[] = [
        [1e9, " G"],
        [1e6, " M"],
        [1e4, " k"],
    ];
    for (const [least, unit] of steps) {
        if (value < least) continue;
        const scaled = value / (unit === " k" ? 1e3 : least);
        return `${scaled >= 10 ? Math.round(scaled) : scaled.toFixed(1)}${unit}`;
    }
    return String(Math.round(value));
}
