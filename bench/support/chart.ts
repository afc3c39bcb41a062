import * as echarts from "echarts";
import type { Row } from "./row.ts";

/** In pixels. */
const width = 860;
const rowHeight = 22;

const colours = { plain: "#5b7aa3", holds: "#3a8f5c", missed: "#c0392b", ink: "#24292f" } as const;

/** What one picture shows: rows of one unit. */
export interface Chart {
    readonly title: string;
    readonly unit: string;
    readonly rows: readonly Row[];
}

/**
 * Draws medians as bars, an aim that holds in green and one that is missed in red, as SVG. The same rows always make
 * the same text, so that a test can compare files.
 */
export function drawChart({ title, unit, rows }: Chart): string {
    const values = rows.map(({ value }) => value);
    // Bars of very different length cannot be read side by side.
    const logarithmic = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 50;
    const ends = rows.map(({ value, spread, runs, aim }) => {
        const range = runs > 1 ? ` (${spread.min} – ${spread.max})` : "";
        return `${value}${range}${aim ? `, aim ${aim}` : ""}`;
    });
    const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height: 80 + rows.length * rowHeight });
    try {
        chart.setOption({
            animation: false,
            backgroundColor: "#ffffff",
            title: { text: title, left: 8, top: 8, textStyle: { fontSize: 14, color: colours.ink } },
            grid: { left: 330, right: 200, top: 40, bottom: 34 },
            xAxis: {
                type: logarithmic ? "log" : "value",
                name: logarithmic ? `${unit}, log` : unit,
                axisLabel: { color: colours.ink },
            },
            yAxis: {
                type: "category",
                inverse: true,
                data: rows.map(one => one.case),
                axisLabel: { color: colours.ink, width: 310, overflow: "truncate" },
            },
            series: [
                {
                    type: "bar",
                    silent: true,
                    barWidth: 12,
                    data: rows.map(({ value, aim, holds }) => ({
                        value,
                        itemStyle: { color: aim === null ? colours.plain : holds ? colours.holds : colours.missed },
                    })),
                    label: {
                        show: true,
                        position: "right",
                        fontSize: 11,
                        color: colours.ink,
                        formatter: ({ dataIndex }: { dataIndex: number }) => ends[dataIndex] ?? "",
                    },
                },
            ],
        });
        return `${withoutPainter(chart.renderToSVGString())}\n`;
    } finally {
        chart.dispose();
    }
}

/** Takes the names away that the library counts up from chart to chart, and the style for a mouse that they are for. */
function withoutPainter(svg: string): string {
    return svg.replaceAll(/ class="zr\d+-cls-\d+"/g, "").replace(/<style ?>.*<\/style>\n?/s, "");
}
