-- What the other services find: Realtime, GraphQL and the pooler.

set local role supabase_realtime_admin;

create table realtime.messages (
    topic       text not null,
    extension   text not null,
    payload     jsonb,
    event       text,
    private     boolean default false,
    updated_at  timestamp not null default now(),
    inserted_at timestamp not null default now(),
    id          uuid not null default gen_random_uuid(),
    constraint messages_pkey primary key (id, inserted_at)
) partition by range (inserted_at);

alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
grant all on realtime.messages to postgres, dashboard_user;

create function realtime.topic() returns text
    language sql stable
as $$
    select nullif(current_setting('realtime.topic', true), '')::text
$$;

reset role;

-- What answers while pg_graphql is not installed.
create function graphql_public.graphql(
    "operationName" text default null, query text default null, variables jsonb default null,
    extensions jsonb default null
) returns jsonb
    language sql
as $$
    select jsonb_build_object(
        'errors', jsonb_build_array(jsonb_build_object('message', 'pg_graphql extension is not enabled.'))
    )
$$;

create function pgbouncer.get_auth(p_usename text) returns table (username text, password text)
    language sql stable security definer set search_path = ''
as $$
    select usename::text, passwd::text from pg_catalog.pg_shadow where usename = p_usename
$$;

revoke all on function pgbouncer.get_auth(text) from public;
grant execute on function pgbouncer.get_auth(text) to pgbouncer;
