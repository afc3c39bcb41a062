-- The six event triggers of every project. Those for pg_cron, pg_net and pg_graphql wait for extensions that are not
-- obtainable here; they stand here because they are seen, and run, on every project.

create function extensions.pgrst_ddl_watch() returns event_trigger
    language plpgsql
as $$
begin
    perform from pg_event_trigger_ddl_commands()
    where command_tag in (
        'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE',
        'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW',
        'ALTER MATERIALIZED VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE TRIGGER', 'CREATE TYPE', 'ALTER TYPE',
        'CREATE RULE', 'COMMENT'
    ) and coalesce(schema_name, '') not in ('pg_temp', 'auth', 'realtime', '_realtime', 'storage');
    if found then
        notify pgrst, 'reload schema';
    end if;
end
$$;

create function extensions.pgrst_drop_watch() returns event_trigger
    language plpgsql
as $$
begin
    perform from pg_event_trigger_dropped_objects()
    where object_type in (
        'schema', 'table', 'foreign table', 'view', 'materialized view', 'function', 'trigger', 'type', 'rule'
    ) and not is_temporary and coalesce(schema_name, '') not in ('auth', 'realtime', '_realtime', 'storage');
    if found then
        notify pgrst, 'reload schema';
    end if;
end
$$;

create function extensions.grant_pg_cron_access() returns event_trigger
    language plpgsql
as $$
begin
    perform from pg_event_trigger_ddl_commands() where object_type = 'extension' and object_identity = 'pg_cron';
    if found then
        grant usage on schema cron to postgres with grant option;
        grant all on all tables in schema cron to postgres with grant option;
    end if;
end
$$;

create function extensions.grant_pg_net_access() returns event_trigger
    language plpgsql
as $$
begin
    perform from pg_event_trigger_ddl_commands() where object_type = 'extension' and object_identity = 'pg_net';
    if found then
        grant usage on schema net to postgres, anon, authenticated, service_role;
    end if;
end
$$;

create function extensions.grant_pg_graphql_access() returns event_trigger
    language plpgsql
as $$
begin
    perform from pg_event_trigger_ddl_commands() where object_identity like 'graphql.resolve(%';
    if found then
        grant usage on schema graphql to postgres, anon, authenticated, service_role;
    end if;
end
$$;

create function extensions.set_graphql_placeholder() returns event_trigger
    language plpgsql
as $$
begin
    -- The placeholder is never replaced here, so there is nothing to bring back.
    return;
end
$$;

create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();
create event trigger issue_pg_cron_access on ddl_command_end when tag in ('CREATE EXTENSION')
    execute function extensions.grant_pg_cron_access();
create event trigger issue_pg_net_access on ddl_command_end when tag in ('CREATE EXTENSION')
    execute function extensions.grant_pg_net_access();
create event trigger issue_pg_graphql_access on ddl_command_end when tag in ('CREATE FUNCTION')
    execute function extensions.grant_pg_graphql_access();
create event trigger issue_graphql_placeholder on sql_drop when tag in ('DROP EXTENSION')
    execute function extensions.set_graphql_placeholder();
