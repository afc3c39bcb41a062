import type { TargetLook, Trial } from "../trial/observation.ts";
import type { RangeVar } from "./act.ts";

/** Finds the tables that statements name, with or without their schema. */
export interface Names {
    /** `schema.table` of a table that the target has now; undefined: it has none of that name. */
    onTarget(relation: RangeVar | undefined): string | undefined;
    /** Of all tables that it has. */
    all(): string[];
}

/**
 * Names of the tables of the target. What a migration renames is found under its new name as well. Without a schema the
 * name is looked for in public first, as Supabase's own search path does.
 */
export function namesOf(look: Pick<TargetLook, "tables">, trial?: Pick<Trial, "statements">): Names {
    const byPlainName = new Map([...look.tables.keys()].map(name => [plain(name), name]));
    for (const { kind, from, to } of trial?.statements.flatMap(({ renamed }) => renamed) ?? []) {
        if (kind === "table" && look.tables.has(from)) byPlainName.set(plain(to), from);
    }
    return {
        all: () => [...look.tables.keys()],
        onTarget(relation) {
            if (!relation?.relname) return undefined;
            if (relation.schemaname) return byPlainName.get(`${relation.schemaname}.${relation.relname}`);
            const inPublic = byPlainName.get(`public.${relation.relname}`);
            if (inPublic) return inPublic;
            const others = [...byPlainName].filter(([name]) => name.endsWith(`.${relation.relname}`));
            return others.length === 1 ? others[0]?.[1] : undefined;
        },
    };
}

/** Without the quotes. */
export function plain(name: string): string {
    return name.replaceAll(/"((?:[^"]|"")+)"/g, (_, inner: string) => inner.replaceAll('""', '"'));
}
