import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { jsonOf } from "../../preview/report/json.ts";
import { root } from "../docs/pages.ts";
import type { Shown } from "./scene.ts";

/** The page that shows them. */
export const page = join(root, "docs", "preview.md");

/** Rollbacks that the page shows, of the many that a destroy has. */
const rollbacks = ["0010", "0006"];

/** The page as it should be: what is between two marks of a name is made, the rest is written by hand. */
export async function pageWith(shown: Shown): Promise<string> {
    const made = { "report.json": reportExcerpt(shown), destroy: destroyExcerpt(shown) };
    return Object.entries(made).reduce(
        (text, [name, excerpt]) => placed(text, name, excerpt),
        await readFile(page, "utf8"),
    );
}

function placed(text: string, name: string, excerpt: string): string {
    const begin = `<!-- Made by npm run pictures: ${name}. -->\n`;
    const end = "<!-- End of what is made. -->";
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < from) throw new Error(`${page} has no place between ${begin.trim()} and ${end}`);
    return `${text.slice(0, from)}${begin}\n${excerpt}\n${text.slice(to)}`;
}

/** The migration that is stopped, of each list the first entry; what differs from run to run is not in these fields. */
function reportExcerpt({ preview }: Shown): string {
    const { format, stack, proof, stopped, pending } = JSON.parse(jsonOf(preview.report)) as typeof preview.report & {
        format: number;
    };
    const migration = pending.find(({ findings }) => findings.some(({ stops }) => stops));
    if (!migration) throw new Error("nothing is stopped");
    const { version, name, direction, tried, findings, changes, locks } = migration;
    const [change] = changes;
    if (!change) throw new Error("nothing changes");
    const excerpt = {
        format,
        stack,
        proof: { level: proof.level, verified: proof.verified },
        stopped,
        pending: [
            {
                version,
                name,
                direction,
                tried,
                findings: findings.slice(0, 1),
                changes: [{ ...change, details: change.details.slice(0, 1), ddl: change.ddl.slice(0, 1) }],
                locks: locks.slice(0, 1),
            },
        ],
    };
    return `\`\`\`json\n${JSON.stringify(excerpt, undefined, 4)}\n\`\`\`\n`;
}

/** Some of the rollbacks, and what is said of all; `…` where others are left out. */
function destroyExcerpt({ destroy }: Shown): string {
    const parts = destroy.trimEnd().split(/\n(?=to be rolled back: |preview: )/);
    const last = parts.at(-1) ?? "";
    const some = rollbacks.map(version => parts.find(part => part.startsWith(`to be rolled back: ${version}`)) ?? "");
    const report = /^report: .*$/m.exec(last)?.[0] ?? "";
    const text = [...some, last].map(part => part.replaceAll(report, "").trimEnd());
    return `\`\`\`console\n$ npm run destroy -- --preview\n…\n${text.join("\n…\n")}\n${report}\n\`\`\`\n`;
}
