/**
 * How values are written that are kept or compared as text: so that the text says all of a value, and reads as the same
 * one in another session. The server may have it otherwise; hosted Supabase rounds floats (`extra_float_digits = 0`).
 * The order of day and month and the time zone stay the login's, by which a condition of the project's reads dates.
 */
const settings = {
    extra_float_digits: "1",
    datestyle: "'ISO'",
    intervalstyle: "'postgres'",
    lc_monetary: "'C'",
};

/** Until the end of the transaction, or until {@link writeAsEver}. SQL. */
export const writeExactly = Object.entries(settings)
    .map(([name, value]) => `set local ${name} = ${value}`)
    .join("; ");

/** What follows is the project's again. SQL. */
export const writeAsEver = Object.keys(settings)
    .map(name => `reset ${name}`)
    .join("; ");
