import { type Look, lookAt } from "../../preview/look/look.ts";
import { rowsInWords } from "../../preview/findings/live.ts";
import { byteSize } from "../../runner/byteSize.ts";
import { type Environment, reading } from "../../runner/database/connection.ts";
import { type ForeignMigration, readForeign } from "../../runner/ledger/mirror.ts";
import { readClaim } from "../../runner/ledger/ledger.ts";
import { textTable } from "../../runner/textTable.ts";

/** A project as it is found, by sessions that cannot write. */
export interface Project {
    readonly look: Look;
    /** Rows of Supabase's own ledger that are not ours. */
    readonly foreign: readonly ForeignMigration[];
    /** The stack that manages it already. */
    readonly claimedBy: string | undefined;
}

/** Schemas that Supabase brings along (its documentation, "Database: managed schemas"). */
const supabases =
    /^(auth|storage|realtime|_realtime|vault|extensions|graphql|graphql_public|pgbouncer|supabase_functions|supabase_migrations|net|cron|pgsodium|pgsodium_masks|simulation_db|simulation_db_archive)\./;

/** @throws UserError when the database cannot be reached */
export async function readProject(environment: Environment): Promise<Project> {
    const look = await lookAt(environment);
    return await reading(environment, "adopt", async client => {
        return {
            look,
            foreign: await readForeign(
                client,
                (look.ledger ?? []).map(({ version }) => version),
            ),
            claimedBy: (await readClaim(client))?.stack,
        };
    });
}

/** What a person sees of it first. */
export function projectLines({ look, foreign, claimedBy }: Project): string[] {
    const own = look.roles.filter(
        ({ name }) =>
            !/^(pg_|supabase_|postgres$|anon$|authenticated$|authenticator$|service_role$|dashboard_user$|pgbouncer$|pgsodium)/.test(
                name,
            ),
    );
    const tables = [...look.tables]
        .filter(([name]) => !supabases.test(name))
        .sort(([, one], [, other]) => other.bytes - one.bytes);
    const shown = tables.slice(0, 20).map(([name, { rows, bytes }]) => [name, rowsInWords(rows), byteSize(bytes)]);
    return [
        `server      PostgreSQL ${look.serverVersion}, ${look.identity}, as ${look.login}${look.runsAs === look.login ? "" : ` (migrations run as ${look.runsAs})`}`,
        `roles       ${own.map(({ name }) => name).join(", ") || "none but Supabase's own"}`,
        `extensions  ${look.extensions.map(({ name, version }) => `${name} ${version}`).join(", ")}`,
        `ledger      ${ledgerWords(look, claimedBy)}`,
        `supabase    ${foreignWords(foreign)}`,
        "",
        ...textTable([{ title: "table", mayBeCut: true }, { title: "rows" }, { title: "size", align: "right" }], shown),
        ...(tables.length > shown.length ? [`… and ${tables.length - shown.length} more`] : []),
    ];
}

function ledgerWords({ ledger }: Look, claimedBy: string | undefined): string {
    if (ledger === undefined) return "there is one, and this login may not read it";
    if (ledger.length === 0) return "none of this tool's";
    return `${ledger.length} migrations of this tool${claimedBy ? `, managed by the stack ${claimedBy}` : ""}`;
}

function foreignWords(foreign: readonly ForeignMigration[]): string {
    if (foreign.length === 0) return "no migrations in supabase_migrations";
    const [first, last] = [foreign[0], foreign.at(-1)];
    return `${foreign.length} in supabase_migrations, ${first?.version} to ${last?.version}: shown as foreign, never run or removed`;
}
