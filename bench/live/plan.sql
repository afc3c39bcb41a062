-- The plan's own SQL with its mistakes mended (plain create policy, updated_at added, no uuid-ossp), and nothing else:
-- indexes, checks and foreign keys as it writes them.
create table public.datasets (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid references auth.users (id) on delete cascade,
    name text not null,
    description text,
    file_path text not null,
    file_size bigint,
    file_type text not null,
    schema_json jsonb,
    row_count integer,
    column_count integer,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
create index idx_datasets_owner_id on public.datasets (owner_id);
create index idx_datasets_created_at on public.datasets (created_at);
alter table public.datasets enable row level security;
create policy "Users can view their own datasets" on public.datasets for select using (auth.uid() = owner_id);
create policy "Users can insert their own datasets" on public.datasets for insert with check (auth.uid() = owner_id);
create policy "Users can update their own datasets" on public.datasets for update using (auth.uid() = owner_id);
create policy "Users can delete their own datasets" on public.datasets for delete using (auth.uid() = owner_id);

alter table public.simulation_runs
    add column if not exists dataset_id uuid references public.datasets (id) on delete set null,
    add column if not exists user_id uuid references auth.users (id) on delete set null,
    add column if not exists config_json jsonb,
    add column if not exists results_json jsonb,
    add column if not exists status text default 'running' check (status in ('running', 'completed', 'failed', 'cancelled')),
    add column if not exists started_at timestamptz default now(),
    add column if not exists completed_at timestamptz,
    add column if not exists error_message text,
    add column if not exists execution_time_ms integer,
    add column if not exists updated_at timestamptz default now();
create index if not exists idx_sim_runs_user_id on public.simulation_runs (user_id);
create index if not exists idx_sim_runs_dataset_id on public.simulation_runs (dataset_id);
create index if not exists idx_sim_runs_status on public.simulation_runs (status);
create policy "Users can view their own simulation runs" on public.simulation_runs
    for select using (
        auth.uid() = user_id
        or exists (
            select 1 from public.organization_members m
            where m.org_id = simulation_runs.org_id and m.user_id = auth.uid() and m.status = 'active'
        )
    );
create policy "Users can insert their own simulation runs" on public.simulation_runs
    for insert with check (
        auth.uid() = user_id
        or exists (
            select 1 from public.organization_members m
            where m.org_id = simulation_runs.org_id and m.user_id = auth.uid() and m.status = 'active'
        )
    );

create or replace function public.handle_updated_at() returns trigger as $$
begin
    new.updated_at = now();
    return new;
end;
$$ language plpgsql;
create trigger handle_datasets_updated_at
    before update on public.datasets for each row execute function public.handle_updated_at();
create trigger handle_simulation_runs_updated_at
    before update on public.simulation_runs for each row execute function public.handle_updated_at();
