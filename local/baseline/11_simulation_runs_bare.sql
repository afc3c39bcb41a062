-- simulation_runs as the plan describes it today: by organization, and no more than that.

set local role postgres;

create table public.simulation_runs (
    id         uuid primary key default gen_random_uuid(),
    org_id     uuid not null references public.organizations (id) on delete cascade,
    created_at timestamptz not null default now(),
    name       text not null
);

reset role;
