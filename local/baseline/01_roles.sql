-- The roles of a Supabase project. supabase_admin is here already: the superuser that initdb made.

alter role supabase_admin set search_path to "$user", public, auth, extensions;
alter role supabase_admin set log_statement to 'none';

-- The user's own login. Not a superuser: what needs one fails here as it does in the cloud.
create role postgres nosuperuser inherit createrole createdb login replication bypassrls;
alter role postgres set search_path to "$user", public, extensions;

-- What the API turns a caller into.
create role anon nologin inherit;
create role authenticated nologin inherit;
create role service_role nologin inherit bypassrls;
alter role anon set statement_timeout to '3s';
alter role authenticated set statement_timeout to '8s';

-- What the API logs in as. Supabase also preloads the library safeupdate for it, which is not obtainable here.
create role authenticator login noinherit;
alter role authenticator set statement_timeout to '8s';
alter role authenticator set lock_timeout to '8s';

create role supabase_auth_admin login noinherit createrole;
alter role supabase_auth_admin set search_path to auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout to 60000;
alter role supabase_auth_admin set log_statement to 'none';

create role supabase_storage_admin login noinherit createrole;
alter role supabase_storage_admin set search_path to storage;
alter role supabase_storage_admin set log_statement to 'none';

create role supabase_realtime_admin login noinherit createrole replication;
alter role supabase_realtime_admin set search_path to realtime;

create role supabase_functions_admin login noinherit createrole;
create role supabase_replication_admin login replication;
create role supabase_read_only_user login bypassrls;
create role supabase_etl_admin login replication;
create role dashboard_user nologin createrole createdb replication;
create role pgbouncer login;

-- Of extensions that are not obtainable here (pgsodium, pg_tle): the bare roles.
create role pgsodium_keyiduser;
create role pgsodium_keyholder in role pgsodium_keyiduser;
create role pgsodium_keymaker in role pgsodium_keyiduser, pgsodium_keyholder;
create role pgtle_admin;

grant anon, authenticated, service_role to authenticator;
grant authenticator to supabase_storage_admin;
grant pg_read_all_data to supabase_read_only_user, supabase_etl_admin;

-- postgres is a member of none of the roles that own auth, storage and realtime.
grant pgtle_admin to postgres;
do $$
begin
    if current_setting('server_version_num')::int < 160000 then
        grant anon, authenticated, service_role, authenticator to postgres;
        grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
    else
        -- Since 16 createrole alone no longer lets it grant these on.
        grant anon, authenticated, service_role, authenticator to postgres with admin option;
        grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
        grant pg_create_subscription to postgres;
    end if;
end
$$;

-- The password comes as a setting, so that no statement that could be logged holds it. One for all logins that an
-- API would use, as in Supabase's own local stack.
do $$
declare
    login text;
begin
    foreach login in array array['postgres', 'authenticator', 'supabase_auth_admin', 'supabase_storage_admin'] loop
        execute format('alter role %I password %L', login, current_setting('baseline.postgres_password'));
    end loop;
end
$$;
