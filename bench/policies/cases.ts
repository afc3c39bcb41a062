import { type Aim, atMost, atMostTimes } from "../support/row.ts";
import { commonRun, type People, runOf } from "./ground.ts";

/** One statement of one caller. */
export interface Case {
    readonly name: string;
    readonly kind: "count" | "listing" | "point" | "write";
    readonly user: string;
    /** Under row level security; else as a login that it does not bind. */
    readonly asUser: boolean;
    /** Without parallel workers: Supabase does not declare auth.uid() parallel safe, so no policy that asks it has any. */
    readonly alone?: true;
    readonly sql: string;
    /** Name of another case. */
    readonly against?: string;
    readonly aim?: Aim;
}

/** The aims of the listing and the count are those of the project's own list of promises. */
const aims = { count: atMostTimes(1.2), listing: atMostTimes(1.5), point: atMost(0.5, "ms") } as const;

/** Each statement as a user, with the same condition without row level security, and as the best that can be written. */
export function cases(people: People): readonly Case[] {
    return Object.entries(people).flatMap(([organizations, user]) => {
        const who = `in ${organizations} organization${organizations === "1" ? "" : "s"}`;
        const own = `user_id = '${user}'`;
        const memberships = `select org_id from public.organization_members where user_id = '${user}' and status = 'active'`;
        // What the policies say, word for word.
        const where = `(user_id = (select auth.uid())
            or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))`;
        const latest = "order by created_at desc limit 50";

        const read = (
            kind: "count" | "listing" | "point",
            what: string,
            asUser: string,
            same: string,
            best: string,
        ): readonly Case[] => {
            const name = (how: string) => `${what}, ${who}: ${how}`;
            const compared =
                kind === "count" ? name("best SQL by hand") : name("same condition, no row level security");
            const common = { kind, user };
            return [
                { ...common, name: name("best SQL by hand"), asUser: false, sql: best },
                ...(kind === "count"
                    ? [
                          {
                              ...common,
                              name: name("best SQL by hand, in one process"),
                              asUser: false,
                              alone: true as const,
                              sql: best,
                              against: compared,
                          },
                      ]
                    : []),
                { ...common, name: name("same condition, no row level security"), asUser: false, sql: same },
                { ...common, name: name("policy"), asUser: true, sql: asUser, against: compared, aim: aims[kind] },
            ];
        };
        const write = (what: string, sql: string): readonly Case[] => {
            const name = (how: string) => `${what}, ${who}: ${how}`;
            const common = { kind: "write" as const, user, sql };
            return [
                { ...common, name: name("no row level security"), asUser: false },
                { ...common, name: name("policy"), asUser: true, against: name("no row level security") },
            ];
        };
        return [
            ...read(
                "count",
                "count of runs",
                "select count(*) from public.simulation_runs",
                `select count(*) from public.simulation_runs where ${where}`,
                `select (select count(*) from public.simulation_runs where org_id in (${memberships}))
                    + (select count(*) from public.simulation_runs where ${own}
                        and (org_id is null or org_id not in (${memberships})))`,
            ),
            ...read(
                "listing",
                "latest 50 runs",
                `select * from public.simulation_runs ${latest}`,
                `select * from public.simulation_runs where ${where} ${latest}`,
                `select * from (
                    (select * from public.simulation_runs where ${own} ${latest})
                    union
                    (select latest.* from (${memberships}) as member
                        cross join lateral (select * from public.simulation_runs as run where run.org_id = member.org_id ${latest}) as latest)
                 ) as found ${latest}`,
            ),
            ...read(
                "listing",
                "latest 50 runs of one organization",
                `select * from public.simulation_runs where org_id = md5('organization 1')::uuid ${latest}`,
                `select * from public.simulation_runs where org_id = md5('organization 1')::uuid and ${where} ${latest}`,
                `select * from public.simulation_runs where org_id = md5('organization 1')::uuid ${latest}`,
            ),
            ...[
                ["one run of one's own", runOf(Number(organizations))],
                ["one run of an organization", commonRun],
            ].flatMap(([what = "", id]) =>
                read(
                    "point",
                    what,
                    `select * from public.simulation_runs where id = '${id}'`,
                    `select * from public.simulation_runs where id = '${id}' and ${where}`,
                    `select * from public.simulation_runs where id = '${id}'`,
                ),
            ),
            ...read(
                "listing",
                "latest 50 datasets",
                `select * from public.datasets ${latest}`,
                `select * from public.datasets where owner_id = (select auth.uid()) ${latest}`,
                `select * from public.datasets where owner_id = '${user}' ${latest}`,
            ),
            ...write(
                "insert a run in an organization",
                `insert into public.simulation_runs (user_id, org_id, name) values ('${user}', md5('organization 1')::uuid, 'New')`,
            ),
            ...write(
                "rename a run of an organization",
                `update public.simulation_runs set name = 'New' where id = '${commonRun}'`,
            ),
            ...write(
                "insert a dataset",
                `insert into public.datasets (owner_id, name, file_path, file_type)
                 values ('${user}', 'New', '${user}/' || gen_random_uuid() || '.csv', 'csv')`,
            ),
        ];
    });
}
