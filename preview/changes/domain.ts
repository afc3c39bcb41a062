import type { Catalog } from "../../runner/catalog/catalog.ts";

/** A domain, as its row of the catalog says it. */
export interface Domain {
    /** The type that it is over, with its length or precision; it may be a domain itself. */
    readonly over: string;
    /** An expression: what a new column of this type holds without a default of its own. */
    readonly value?: string;
}

/** @returns undefined for a type that is none */
export function readDomain(type: string, catalog: Catalog): Domain | undefined {
    const [, definition] = /^owner \S+ domain (.*) \S+$/s.exec(catalog.get(`type ${type}`) ?? "") ?? [];
    if (definition === undefined) return undefined;
    const value = / default (.*)$/s.exec(definition)?.[1];
    const over = definition.replace(/(?: not null)?(?: default .*)?$/s, "");
    return { over, ...(value === undefined ? {} : { value }) };
}

/** What a domain gives a new column without a default of its own. One over such a domain has a copy, made with it. */
export function valueOfType(type: string, catalog: Catalog): string | undefined {
    return readDomain(type, catalog)?.value;
}
