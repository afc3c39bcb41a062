-- simulation_runs where somebody has added some of the plan's columns already, with values that must outlive up and down.

set local role postgres;

create table public.simulation_runs (
    id         uuid primary key default gen_random_uuid(),
    org_id     uuid not null references public.organizations (id) on delete cascade,
    created_at timestamptz not null default now(),
    name       text not null,
    status     text,
    started_at timestamptz,
    updated_at timestamptz
);

reset role;
