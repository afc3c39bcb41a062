-- Not Supabase's: a stand-in for one thing that its library supautils does inside the server.
--
-- There `postgres` may create, alter and drop policies on these tables, which it does not own:
--     auth.audit_log_entries, identities, refresh_tokens, sessions, users; realtime.messages;
--     storage.buckets, migrations, objects, s3_multipart_uploads, s3_multipart_uploads_parts
-- Plain PostgreSQL asks for the owner. So, for the length of such a statement and within its transaction, postgres is
-- made a member of the role that owns them; when it ends the membership is taken back and the table is checked. No other
-- session ever sees it, and every other statement (alter table, comment on policy, create table) is refused as before.
--
-- The rest of supautils is not here: `postgres` cannot create extensions that only a superuser may, nor event triggers,
-- nor drop triggers on these tables; and on PostgreSQL 15 the reserved roles (anon, supabase_*) are not protected from
-- its createrole.

create schema supautils_stand_in;
revoke all on schema supautils_stand_in from public;

-- The tables, the role whose membership opens them, and nothing else.
create view supautils_stand_in.policy_grants as
    select c.oid as table_id, n.nspname as schema_name, c.relname as table_name, o.rolname as owner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_roles o on o.oid = c.relowner
    where (n.nspname, c.relname) in (
        ('auth', 'audit_log_entries'), ('auth', 'identities'), ('auth', 'refresh_tokens'), ('auth', 'sessions'),
        ('auth', 'users'), ('realtime', 'messages'), ('storage', 'buckets'), ('storage', 'migrations'),
        ('storage', 'objects'), ('storage', 's3_multipart_uploads'), ('storage', 's3_multipart_uploads_parts')
    ) and not o.rolsuper;

-- An event trigger's function cannot be called by hand, so its rights are nobody's but these triggers'.
create function supautils_stand_in.open_policy_tables() returns event_trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    asker    text := current_setting('role');
    text_run text := coalesce(current_query(), '');
    opened   text[] := '{}';
    owner    text;
begin
    if asker = 'none' then
        asker := session_user;
    end if;
    -- What the statement names is not known yet. Its text tells the many policies on other tables apart, which then cost
    -- nothing and wait for nobody; where the text does not show the statement (a function runs it), it is let through
    -- to the check at the end.
    if asker = 'postgres' and (
        text_run !~* '\mpolicy\M'
        or text_run ~* '\mon\s+("?(auth|realtime|storage)"?\s*\.\s*)?"?(audit_log_entries|identities|refresh_tokens|sessions|users|messages|buckets|migrations|objects|s3_multipart_uploads(_parts)?)\M'
    ) then
        -- Two sessions would change the same membership: one after the other.
        perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('supautils_stand_in'));
        for owner in select distinct g.owner from supautils_stand_in.policy_grants g loop
            if not pg_catalog.pg_has_role(asker, owner, 'member') then
                execute format('grant %I to %I', owner, asker);
                opened := opened || owner;
            end if;
        end loop;
    end if;
    perform pg_catalog.set_config('supautils_stand_in.opened', array_to_string(opened, ','), true);
end
$$;

create function supautils_stand_in.close_policy_tables() returns event_trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    opened text[] := string_to_array(coalesce(current_setting('supautils_stand_in.opened', true), ''), ',');
    owner  text;
    other  record;
begin
    if cardinality(opened) = 0 then
        return;
    end if;
    foreach owner in array opened loop
        execute format('revoke %I from postgres', owner);
    end loop;
    perform pg_catalog.set_config('supautils_stand_in.opened', '', true);

    -- The membership opened every table of these roles: were it used for one that is not listed, it must not stand.
    for other in
        select c.relname
        from pg_catalog.pg_event_trigger_ddl_commands() d
        join pg_catalog.pg_policy p on d.classid = 'pg_catalog.pg_policy'::regclass and p.oid = d.objid
        join pg_catalog.pg_class c on c.oid = p.polrelid
        where not pg_catalog.pg_has_role('postgres', c.relowner, 'usage')
            and c.oid not in (select g.table_id from supautils_stand_in.policy_grants g)
    loop
        raise exception 'must be owner of table %', other.relname using errcode = '42501';
    end loop;
end
$$;

-- A dropped policy is gone when the statement ends: sql_drop comes just before and still knows its table.
create function supautils_stand_in.check_dropped_policy() returns event_trigger
    language plpgsql security definer set search_path = ''
as $$
declare
    opened text[] := string_to_array(coalesce(current_setting('supautils_stand_in.opened', true), ''), ',');
    other  record;
begin
    if cardinality(opened) = 0 then
        return;
    end if;
    for other in
        select c.relname
        from pg_catalog.pg_event_trigger_dropped_objects() d
        join pg_catalog.pg_namespace n on n.nspname = d.address_names[1]
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = d.address_names[2]
        join pg_catalog.pg_roles o on o.oid = c.relowner
        where d.object_type = 'policy' and o.rolname = any (opened)
            and c.oid not in (select g.table_id from supautils_stand_in.policy_grants g)
    loop
        raise exception 'must be owner of relation %', other.relname using errcode = '42501';
    end loop;
end
$$;

create event trigger supautils_stand_in_open on ddl_command_start
    when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY')
    execute function supautils_stand_in.open_policy_tables();
create event trigger supautils_stand_in_check on sql_drop when tag in ('DROP POLICY')
    execute function supautils_stand_in.check_dropped_policy();
create event trigger supautils_stand_in_close on ddl_command_end
    when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY')
    execute function supautils_stand_in.close_policy_tables();
