import type pg from "pg";
import { lineAt, type Statement } from "../../runner/migration/statements.ts";
import { standInState } from "../look/extensions.ts";
import type { Gaps } from "../shadow/shadow.ts";
import { TookTooLong } from "./limit.ts";
import type { Failure, Place } from "./observation.ts";
import type { ServerError } from "./underWay.ts";

/** Something is not there: PostgreSQL documentation, appendix A, undefined_object and its kin. */
const undefinedStates = ["42704", "42883", "42P01", "42703", "3F000", "42P02", "0A000", "58P01"];

export function placeOf(file: string, statement: Statement): Place {
    return { file, line: statement.line, statement: statement.text };
}

/** What PostgreSQL said of a statement, at the spot that it points at. */
export function failureOf(error: unknown, place: Place, gaps: Gaps): Failure {
    const { message, detail, hint, code = "", position } = error as Partial<pg.DatabaseError> & Error;
    const line = position ? place.line + lineAt(place.statement, Number(position) - 1) - 1 : place.line;
    return {
        place: { ...place, line },
        message,
        ...(detail ? { detail } : {}),
        ...(hint ? { hint } : {}),
        code,
        cause: causeOf(error as Error, place.statement, gaps),
    };
}

function causeOf(error: Error, statement: string, gaps: Gaps): Failure["cause"] {
    if (error instanceof TookTooLong) return "time";
    return isGap(error, statement, gaps) ? "shadow" : "migration";
}

/** Left out when this PostgreSQL was built, for example lz4. */
const notBuilt = /requires the server to be built with|supported (?:in|by|on) this (?:build|platform)/;

/** Whether the target may well accept what the shadow refuses. */
function isGap(error: ServerError, statement: string, gaps: Gaps): boolean {
    const { code = "", message, detail = "" } = error;
    // No SQLSTATE: the server went away, or this program is wrong. Nothing is proven by that. Class 53: too small.
    if (code === "" || code === standInState || /^(53|57P|58|XX)/.test(code)) return true;
    if (code === "0A000" && notBuilt.test(`${message} ${detail}`)) return true;
    if (saidOfModifier.test(message) && hasModifierOf(gaps.names, error, statement)) return true;
    if (!undefinedStates.includes(code)) return false;
    if (gaps.unknownContent) return true;
    return namesIn(message).some(name => gaps.names.has(name));
}

/** The stand-in of a type takes one number as its modifier, as varchar does, and says this of `geometry(Point,4326)`. */
const saidOfModifier =
    /^(?:invalid input syntax for type integer: |invalid type modifier$|length for type varchar |value ".*" is out of range for type integer$)/;

/** Whether the server points at one of these names with a modifier; where it points nowhere, whether one is there. */
function hasModifierOf(names: Gaps["names"], error: ServerError, statement: string): boolean {
    const { position, internalPosition, internalQuery } = error as Partial<pg.DatabaseError>;
    const at = internalPosition ?? position;
    const text = (internalQuery ?? statement).slice(at === undefined ? 0 : Number(at) - 1);
    const found = at === undefined ? text.matchAll(/([\w$"]+)\s*\(/g) : [/^(?:[^'(),;:]*\.)?([\w$"]+)\s*\(/.exec(text)];
    return [...found].some(match => names.has((match?.[1] ?? "").replaceAll('"', "")));
}

/** What a message says is not there: names in quotes, and those of functions and operators, which have none. */
function namesIn(message: string): string[] {
    const quoted = [...message.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name);
    const [, rest = ""] =
        /^(?:function|procedure|operator|column|cast|data type|type|could not identify .+ for type) (.*)$/s.exec(
            message,
        ) ?? [];
    const words = rest.match(/[^\s"'(),;[\]]+/g) ?? [];
    return [...quoted, ...words].map(name => name.replace(/^.*\.(?=.)/, ""));
}
