import { migrationText } from "../../preview/report/text.ts";
import { wrap } from "../../preview/report/wrap.ts";
import { fileName, label, type Migration } from "../../runner/migration/migration.ts";
import type { Breach } from "../conventions/breach.ts";
import type { Checked } from "./check.ts";

const width = 80;

/** What a person reads: for each migration what breaks a convention, then what a preview says of it. */
export function checkedText({ told, breaches }: Checked, asked: readonly Migration[]): string[] {
    return [
        ...asked.flatMap(migration =>
            (breaches.get(label(migration)) ?? []).flatMap(each => breachLines(migration, each)),
        ),
        ...told.flatMap(each => ["", ...migrationText(each)]),
    ];
}

/** With the place first, as compilers say it: editors make a link of that. */
function breachLines(migration: Migration, { part, line, words, code }: Breach): string[] {
    return wrap(`${fileName(migration, part)}:${line}: ${words} [${code}]`, width, "    ");
}

/** How it ended, and where all of it is. */
export function verdictLines(
    { report, told, stops, files }: Checked,
    asked: readonly Migration[],
    where: string,
    seconds: number,
): string[] {
    const names = asked.length > 3 ? `${asked.length} migrations` : asked.map(label).join(", ");
    const ending = stops === 0 ? "nothing stops it" : `STOPPED by ${stops} finding${stops === 1 ? "" : "s"}`;
    const untried = told.filter(({ tried }) => !tried).map(({ name }) => name);
    const but = untried.length === 0 ? "" : `, but not ${untried.join(", ")}`;
    const tried = report.proof.verified ? `${where}${but}` : report.proof.words;
    const page = files.find(file => file.endsWith(".md"));
    return [
        "",
        ...wrap(`${names}: ${ending} (${tried}, ${seconds.toFixed(1)} s)`, width, "    "),
        ...(page ? [`report: ${page} (also .html and .json)`] : []),
    ];
}
