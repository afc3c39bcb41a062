import pg from "pg";
import type { Migration } from "../../runner/migration/migration.ts";
import { migration } from "./example.ts";

/** Names that PostgreSQL takes, and that mean something to HTML, Markdown, GitHub or a terminal. */
export const hostileNames = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></svg><b>bold</b>",
    "`code` | cell | ``more``",
    "[link](javascript:alert(1))",
    "![pixel](http://127.0.0.1:9/x)",
    "@octocat #1 www.example.com",
    "<!-- hidden </details>",
    "w".repeat(63),
    "__proto__",
] as const;

const quoted = pg.escapeIdentifier;

/** Each name as a table, a column, an index, a policy, a role's comment; and sixty tables that point at one. */
const up = [
    "-- <img src=x onerror=alert(2)> @everyone `x` | y",
    ...hostileNames.flatMap(name => [
        `create table public.${quoted(name)} (id bigint primary key, ${quoted(name)} text constraint ${quoted(name)} check (${quoted(name)} <> ''), run_id bigint references public.simulation_runs (id));`,
        `alter table public.${quoted(name)} enable row level security;`,
        `create policy ${quoted(name)} on public.${quoted(name)} for select to authenticated using (${quoted(name)} <> '</textarea>');`,
        `comment on table public.${quoted(name)} is ${pg.escapeLiteral(name)};`,
        `grant select on public.${quoted(name)} to anon;`,
    ]),
    ...Array.from(
        { length: 60 },
        (_, index) =>
            `create table public.part_${index} (id bigint primary key, before_id bigint references public.${index === 0 ? "simulation_runs" : `part_${Math.floor(index / 8)}`} (id));`,
    ),
].join("\n");

export const hostile: readonly Migration[] = [
    migration("0003", "hostile", up, "select 1;"),
    migration("0004", "gone", `drop table public.${quoted(hostileNames[0])};`, "select 1;"),
];
