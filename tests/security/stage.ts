import { tableGrants } from "../../runner/applicationGrants.ts";
import { type Ground, type GroundKind, makeGround } from "../sql/ground.ts";
import { ada, alan, contoso, edsger, katherine, linus, northwind } from "../sql/scene.ts";

/** What the words in braces of attacks.txt stand for; `{me}` is the actor's own id. */
export const words: Readonly<Record<string, string>> = {
    ada: ada.sub,
    alan: alan.sub,
    linus: linus.sub,
    northwind,
    contoso,
    /** The id of nothing and nobody. */
    none: "f0000000-0000-4000-8000-000000000000",
    /** Ada's dataset. */
    loans: "10000000-0000-4000-8000-000000000001",
    /** Alan's. */
    claims: "10000000-0000-4000-8000-000000000002",
    /** Ada's run in no organization, on her dataset. */
    alone: "20000000-0000-4000-8000-000000000001",
    /** Ada's in Northwind, on her dataset. */
    shared: "20000000-0000-4000-8000-000000000002",
    /** Northwind's under no name, on ada's dataset. */
    common: "20000000-0000-4000-8000-000000000003",
    /** Of edsger, who was removed from Northwind. */
    former: "20000000-0000-4000-8000-000000000004",
    /** Contoso's under no name. */
    foreign: "20000000-0000-4000-8000-000000000005",
    /** Of nobody, what is left when a user is deleted, and older than the statuses. */
    orphan: "20000000-0000-4000-8000-000000000006",
};

/** What no answer and no error may show to those who must not see it. */
export const secretOf = (name: string) => `SECRET of ${name}`;

const { loans, claims, alone, shared, common, former, foreign, orphan } = words;

// Where the project had the column before, its default is none of the plan's.
const rows = `
    alter table public.simulation_runs alter column status set default 'running';
    delete from public.simulation_runs;
    insert into public.organization_members (org_id, user_id, status)
        values ('${northwind}', '${katherine.sub}', 'inactive');
    insert into public.datasets (id, owner_id, name, file_path, file_type) values
        ('${loans}', '${ada.sub}', '${secretOf("ada")}', '${ada.sub}/loans.csv', 'csv'),
        ('${claims}', '${alan.sub}', '${secretOf("alan")}', '${alan.sub}/claims.csv', 'csv');
    insert into public.simulation_runs (id, user_id, org_id, dataset_id, name, status) values
        ('${alone}', '${ada.sub}', null, '${loans}', '${secretOf("ada")}', 'running'),
        ('${shared}', '${ada.sub}', '${northwind}', '${loans}', 'shared', 'running'),
        ('${common}', null, '${northwind}', '${loans}', 'common', 'running'),
        ('${former}', '${edsger.sub}', '${northwind}', null, 'former', 'running'),
        ('${foreign}', null, '${contoso}', null, 'foreign', 'running'),
        ('${orphan}', null, null, null, 'orphan', null);
    insert into storage.buckets (id, name, public) values ('datasets', 'datasets', false), ('avatars', 'avatars', false);
    insert into storage.objects (bucket_id, name, owner_id) values
        ('datasets', '${ada.sub}/loans.csv', '${ada.sub}'),
        ('datasets', '${alan.sub}/claims.csv', '${alan.sub}'),
        ('avatars', 'team.png', null);
    analyze;`;

// A schema where everybody may make things: what a careless project could have, and an attacker needs.
const playground = "create schema playground; grant usage, create on schema playground to public";

const later = `
    create table public.later (id integer primary key);
    insert into public.later values (1);
    create sequence public.later_number;
    create function public.later_call() returns integer language sql as 'select 1'`;

/** What the stack grants beside the migrations, as SQL: the same list that its resources are made of. */
export const stackGrants = [
    ...tableGrants.map(
        ({ role, table, privilege, columns }) =>
            `grant ${privilege.toLowerCase()} ${columns ? `(${columns.join(", ")})` : ""} on public.${table} to ${role}`,
    ),
    "alter default privileges for role postgres in schema public grant select on tables to simulation_reader",
].join("; ");

/** The part of attacks.txt before which these are made: policies add up, and other teams make them too. */
export const besideCareless = "beside careless policies of others, for all of storage.objects and simulation_runs";
export const carelessPolicies = `
    create policy careless on storage.objects for all to public using (true) with check (true);
    create policy careless on public.simulation_runs for all to authenticated using (true) with check (true)`;

/** A project with all migrations and grants, and the rows that the attacks are about. */
export async function makeStage(kind: GroundKind): Promise<Ground> {
    const ground = await makeGround(kind);
    try {
        await ground.up();
        await ground.postgres.query(stackGrants);
        await ground.postgres.query(later);
        await ground.admin.query(playground);
        await ground.admin.query(rows);
        return ground;
    } catch (error) {
        await ground.stop();
        throw error;
    }
}
