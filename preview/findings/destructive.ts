import { tableOfColumn } from "../changes/aspect.ts";
import type { Lost, StatementObservation } from "../trial/observation.ts";
import { type Finding, placed } from "./finding.ts";
import { liveSize } from "./live.ts";
import type { Scene } from "./scene.ts";

/** Data that go with a table or column, found by identity: a new table of the same name does not bring rows back. */
export function destructiveFindings({ trial, comparison, look, names, targetName }: Scene): Finding[] {
    const { after } = comparison;
    const findings = trial.statements.flatMap(observation => {
        // A materialized view is made again from its query; that it goes is a note.
        const rows = observation.lost.filter(
            ({ name }) => look.tables.get(targetName(name, observation))?.kind !== "materialized view",
        );
        const lost = rows.map(one => lostFinding(one, observation));
        const emptied = observation.truncated.map(table =>
            destructive("table-emptied", table, observation, `all rows go (${sizeOf(table, observation)})`),
        );
        return [...lost, ...emptied];
    });
    for (const { kind, object, before, key, after: now } of comparison.changed) {
        if (kind !== "relation" || !before?.includes("persistence p") || !now?.includes("persistence u")) continue;
        const table = names.before(object);
        const place = trial.statements.find(statement =>
            statement.rewritten.some(name => targetName(name, statement) === table),
        );
        findings.push(
            destructive("table-unlogged", object, place, `becomes unlogged: a crash of the server empties it (${key})`),
        );
    }
    return findings;

    function sizeOf(table: string, observation: StatementObservation): string {
        return liveSize(look, targetName(table, observation));
    }

    function lostFinding({ kind, name }: Lost, observation: StatementObservation): Finding {
        if (kind === "table") {
            // A text alone does not tell what is there afterwards.
            const forms = observation.observed ? ["table", "partitioned table", "view", "materialized view"] : [];
            const again = forms.find(one => after.has(`${one} ${name}`));
            const size = sizeOf(name, observation);
            return again
                ? destructive(
                      "table-recreated",
                      name,
                      observation,
                      `is dropped and made again as a ${again}: its rows are gone (${size})`,
                  )
                : destructive("table-lost", name, observation, `goes with all its rows (${size})`);
        }
        const size = sizeOf(tableOfColumn(name), observation);
        return observation.observed && after.has(`column ${name}`)
            ? destructive(
                  "column-recreated",
                  name,
                  observation,
                  `is dropped and made again: its values are gone (${size})`,
              )
            : destructive("column-lost", name, observation, `goes with its values (${size})`);
    }
}

function destructive(
    code: string,
    object: string,
    observation: StatementObservation | undefined,
    words: string,
): Finding {
    return { code, level: "destructive", object, ...placed(observation?.place), words, stops: true };
}
