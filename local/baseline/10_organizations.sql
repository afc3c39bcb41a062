-- What this project's own migrations assume: the organization's tables, made by role postgres as any migration would.
-- simulation_runs itself comes in two shapes, each in a file of its own.

set local role postgres;

create table public.profiles (
    id         uuid primary key references auth.users (id) on delete cascade,
    full_name  text,
    avatar_url text,
    updated_at timestamptz not null default now()
);

create table public.organizations (
    id         uuid primary key default gen_random_uuid(),
    name       text not null,
    slug       text not null,
    created_at timestamptz not null default now(),
    constraint organizations_slug_key unique (slug)
);

create table public.organization_members (
    org_id    uuid not null references public.organizations (id) on delete cascade,
    user_id   uuid not null references auth.users (id) on delete cascade,
    role      text not null default 'member',
    status    text not null default 'invited',
    joined_at timestamptz not null default now(),
    constraint organization_members_pkey primary key (org_id, user_id),
    constraint organization_members_role_known check (role in ('owner', 'admin', 'member', 'viewer')),
    constraint organization_members_status_known check (status in ('active', 'invited', 'inactive', 'removed'))
);

create index organization_members_user_id_idx on public.organization_members (user_id);

create table public.model_registry (
    id         uuid primary key default gen_random_uuid(),
    org_id     uuid not null references public.organizations (id) on delete cascade,
    name       text not null,
    version    text not null,
    framework  text,
    metrics    jsonb not null default '{}',
    created_by uuid references auth.users (id) on delete set null,
    created_at timestamptz not null default now(),
    constraint model_registry_name_version_key unique (org_id, name, version)
);

alter table public.profiles enable row level security;
alter table public.organizations enable row level security;
alter table public.organization_members enable row level security;
alter table public.model_registry enable row level security;

create policy "Profiles are read by their owner" on public.profiles
    for select to authenticated using (id = (select auth.uid()));
create policy "Profiles are changed by their owner" on public.profiles
    for update to authenticated using (id = (select auth.uid())) with check (id = (select auth.uid()));

-- Only one's own rows: a policy here that asked this table for one's organizations would call itself.
create policy "Members read their own memberships" on public.organization_members
    for select to authenticated using (user_id = (select auth.uid()));

create policy "Active members read their organizations" on public.organizations
    for select to authenticated using (
        exists (
            select from public.organization_members m
            where m.org_id = organizations.id and m.user_id = (select auth.uid()) and m.status = 'active'
        )
    );

create policy "Active members read their organizations' models" on public.model_registry
    for select to authenticated using (
        exists (
            select from public.organization_members m
            where m.org_id = model_registry.org_id and m.user_id = (select auth.uid()) and m.status = 'active'
        )
    );

-- Said outright, so that the tables work where default privileges are closed too.
grant select, insert, update, delete
    on public.profiles, public.organizations, public.organization_members, public.model_registry
    to authenticated, service_role;

reset role;
