import { type Act, type Node, type RangeVar, stepsOf, type Tree } from "../act.ts";
import { type Finding, insecure, note, placed } from "../finding.ts";
import type { Scene } from "../scene.ts";

/** Columns of storage.buckets that hold uploads to something (Supabase documentation, "Storage Buckets"). */
const limits = ["file_size_limit", "allowed_mime_types"];

/**
 * Buckets that SQL opens: the files of a public one can be read by whoever knows or guesses their address, past every
 * policy. A shadow has no rows, so this is read from the statements.
 */
export function bucketFindings({ acts }: Pick<Scene, "acts">): Finding[] {
    const found = acts.flatMap(act => stepsOf(act).flatMap(each => of(each, act)));
    const seen = new Set<string>();
    return found.filter(({ code, place }) => {
        const key = `${code} ${place?.file} ${place?.line}`;
        return !seen.has(key) && seen.add(key);
    });
}

function of({ kind, node }: Tree, { observation }: Act): Finding[] {
    const { schemaname, relname } = (node.relation ?? {}) as RangeVar;
    if (schemaname !== "storage" || relname !== "buckets") return [];
    const set =
        kind === "UpdateStmt" ? assigned(node) : kind === "InsertStmt" ? inserted(node) : new Map<string, Node>();
    const findings: Finding[] = [];
    const opened = set.get("public");
    if (opened && !isConstant(opened, false)) {
        const words = "is made public: whoever has the address of a file reads it, whatever the policies say";
        findings.push({ ...insecure("bucket-opened", "storage.buckets", words), ...placed(observation.place) });
    }
    const changed = limits.filter(name => kind === "UpdateStmt" && set.has(name));
    if (changed.length > 0) {
        const words = `${changed.join(" and ")} of a bucket are changed: other files can come in`;
        findings.push(note("bucket-limits-changed", "storage.buckets", words, observation.place));
    }
    return findings;
}

/** What an update sets, by column. */
function assigned({ targetList }: Node): Map<string, Node> {
    const set = new Map<string, Node>();
    for (const { name, val } of targets(targetList)) if (name && val) set.set(name, val);
    return set;
}

/** What an insert puts in, by column; of several rows the value that is not plainly false, if there is one. */
function inserted({ cols, selectStmt }: Node): Map<string, Node> {
    const select = selectStmt as { SelectStmt?: { valuesLists?: { List?: { items?: Node[] } }[] } } | undefined;
    const rows = (select?.SelectStmt?.valuesLists ?? []).map(({ List }) => List?.items ?? []);
    const set = new Map<string, Node>();
    for (const [index, { name }] of targets(cols).entries()) {
        const values = rows.flatMap((row): Node[] => (row[index] ? [row[index]] : []));
        const value = values.find(each => !isConstant(each, false)) ?? values[0];
        if (name && value) set.set(name, value);
    }
    return set;
}

function targets(list: unknown): { name?: string; val?: Node }[] {
    const items = (list as { ResTarget?: { name?: string; val?: Node } }[] | undefined) ?? [];
    return items.flatMap(({ ResTarget }) => ResTarget ?? []);
}

/** The parser leaves a false value out of its node. */
function isConstant(value: Node, expected: boolean): boolean {
    const constant = value.A_Const as { boolval?: { boolval?: boolean } } | undefined;
    return constant?.boolval !== undefined && (constant.boolval.boolval ?? false) === expected;
}
