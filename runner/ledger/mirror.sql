-- Supabase's own ledger as this login finds it: why it cannot be written, what is missing included, and whether nothing
-- is missing.
create or replace function simulation_db.mirror_state(out obstacle text, out complete boolean)
    language plpgsql stable set search_path = '' as $state$
    begin
        select
            case
                when c.relkind not in ('r', 'p') then 'it is no table'
                when not case
                    when c.oid is not null then
                        has_schema_privilege(n.oid, 'usage')
                        and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'delete') and has_table_privilege(c.oid, 'select')
                        and not row_security_active(c.oid)
                        and (has.all_columns or pg_has_role(c.relowner, 'usage'))
                    when n.oid is not null then has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage')
                    else has_database_privilege(current_database(), 'create')
                end then 'this login may not write there'
            end,
            has.all_columns
        into obstacle, complete
        from (values ('supabase_migrations'::name, 'schema_migrations'::name)) as wanted (schema_name, table_name)
        left join pg_catalog.pg_namespace as n on n.nspname = schema_name
        left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = table_name
        cross join lateral (
            select count(*) = 3 as all_columns from pg_catalog.pg_attribute
            where attrelid = c.oid and not attisdropped and attname in ('version', 'statements', 'name')
        ) as has;
    end
    $state$;
revoke execute on function simulation_db.mirror_state() from public;

-- Writes a row of Supabase's own ledger; with null for its statements, takes out the one that was written. The table is
-- made as the Supabase CLI makes it (supabase/cli, pkg/migration/history.go); its older versions made it without two of
-- the columns, which newer ones add, as is done here.
--
-- What fails here must not end the migration's transaction: obstacle says why it was not done. Save what passes, since
-- another tool may hold the table for a moment: then all is tried again. That part of the transaction has a number of its
-- own: written_by.
create or replace function simulation_db.mirror(applied text, slug text, texts text[], out obstacle text, out written_by xid)
    language plpgsql set search_path = '' as $mirror$
    declare
        state record := simulation_db.mirror_state();
    begin
        obstacle := state.obstacle;
        if obstacle is not null then
            return;
        end if;
        if texts is null then
            if state.complete then
                delete from supabase_migrations.schema_migrations where version = applied returning xmax into written_by;
            end if;
            return;
        end if;
        if not state.complete then
            create schema if not exists supabase_migrations;
            create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
            alter table supabase_migrations.schema_migrations add column if not exists statements text[], add column if not exists name text;
        end if;
        insert into supabase_migrations.schema_migrations (version, name, statements) values (applied, slug, texts)
        on conflict do nothing returning xmin into written_by;
        if not found then
            obstacle := format('another tool has written a row %s there, which stays as it is', applied);
        end if;
    exception
        when lock_not_available or deadlock_detected or serialization_failure then
            raise exception using errcode = sqlstate, message = 'supabase_migrations.schema_migrations: ' || sqlerrm;
        when query_canceled or others then
            obstacle := 'supabase_migrations.schema_migrations: ' || sqlerrm;
    end
    $mirror$;
revoke execute on function simulation_db.mirror(text, text, text[]) from public
