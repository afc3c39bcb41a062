-- What has a say in the catalog and was written since the snapshot: the table of the system catalog, class and oid of
-- the object, its versions now and then. Null: it is not there, or was not.
--
-- wrote: what simulation_db.written() said in the only transaction since; null: any may have been
create or replace function simulation_db.touched(wrote jsonb default null)
    returns table (source oid, class oid, object oid, version bigint, columns smallint, former bigint, former_columns smallint)
    language plpgsql stable set search_path = '' set jit = off set plan_cache_mode = force_generic_plan as $touched$
    #variable_conflict use_column
    declare
        since xid8 := wrote ->> 'since';
        removed oid[] := array(select t::oid from jsonb_array_elements_text(wrote -> 'removed') as t);
        others oid[] := array(select t::oid from jsonb_array_elements_text(wrote -> 'tables') as t except select unnest(removed));
    begin
        -- Ages of rows go no further than two billion transactions.
        if wrote is null or pg_current_xact_id()::text::bigint - since::text::bigint > 1000000000 then
            return query
            select source, class, object, n.version, n.columns, f.version, f.columns
            from simulation_db.versions() as n full join simulation_db.snapshot_version as f using (source, class, object)
            where n.version is distinct from f.version;
            return;
        end if;
        if removed <> '{}' then
            return query
            select source, class, object, n.version, n.columns, f.version, f.columns
            from simulation_db.versions(removed) as n
            full join (select * from simulation_db.snapshot_version where source = any (removed)) as f using (source, class, object)
            where n.version is distinct from f.version;
        end if;
        return query
        select source, class, object, n.version, n.columns, f.version, f.columns
        from simulation_db.versions(others, since) as n left join simulation_db.snapshot_version as f using (source, class, object)
        where n.version is distinct from f.version;
    end
    $touched$;
revoke execute on function simulation_db.touched(jsonb) from public;

-- What changed in the catalog since the snapshot:
-- {added: {name: definition}, removed: {…}, made: {table: true, or [columns] of one that was there}}.
--
-- Read is only what may say something else: what was written, and all that depends on it, directly or not. Names of
-- others in a definition come from what pg_depend lists, save those of schemas and roles, which are of class 0.
--
-- keep: whether the snapshot becomes that of now
-- but: names of the catalog whose objects stay in the snapshot as they were
-- wrote: what simulation_db.written() said in the only transaction that counts, and the 'last' number of its parts; null: any may have
create or replace function simulation_db.changes(keep boolean, but text[] default '{}', wrote jsonb default null) returns jsonb
    language plpgsql set search_path = '' set jit = off set plan_cache_mode = force_generic_plan as $changes$
    declare
        -- Numbers of transactions are counted on: the next one has the next number.
        own xid8 := pg_current_xact_id_if_assigned();
        present pg_snapshot := pg_current_snapshot();
        -- Nobody is in the middle of something, and this transaction has written nothing yet.
        alone boolean := own is null and not exists (select from pg_snapshot_xip(present));
        next bigint := pg_snapshot_xmax(present)::text::bigint;
        -- The newest of those that the snapshot has missed nothing of.
        last bigint := (select s.last from simulation_db.snapshot as s);
        since bigint := (wrote ->> 'since')::bigint;
        new_last bigint;
        touched simulation_db.snapshot_version[];
        -- Versions and numbers of columns then, in the same order.
        former bigint[];
        former_columns smallint[];
        whole boolean;
        wanted oid[];
        named oid[];
        kept oid[];
        keys text[];
        definitions text[];
        objects oid[];
        made jsonb;
        found jsonb;
    begin
        -- The snapshot is by the last transaction of the whole server: there is nothing new, and no need to look.
        if wrote is null and alone and last = next - 1
            and exists (select from simulation_db.snapshot_version as v where v.source = 0 and v.class = 0 and v.object = 0 and v.version = simulation_db.reader())
        then
            return '{"added": {}, "removed": {}, "made": {}}';
        end if;

        select array_agg(row(t.source, t.class, t.object, t.version, t.columns)::simulation_db.snapshot_version), array_agg(t.former), array_agg(t.former_columns),
            bool_or(t.class = 0 and (t.object = 0 or t.version is not null and t.former is not null))
        into touched, former, former_columns, whole
        from simulation_db.touched(wrote) as t;

        if keep then
            new_last := case
                when but <> '{}' then null
                -- After the snapshot came this very transaction, which is under way.
                when own is not null then case when own::text::bigint = since and since = last + 1 then since end
                -- Nobody wrote since all was looked at, or since that transaction, which came after the snapshot and of
                -- which a part may have a number of its own; and this one is the next.
                when alone and pg_current_xact_id()::text::bigint = next
                    and (wrote is null or since = last + 1 and (wrote ->> 'last')::bigint = (next - 1) & 4294967295 and next - since <= 2)
                then next
            end;
            if new_last is not null or touched is not null then
                insert into simulation_db.snapshot (server, last) values (current_setting('server_version_num')::integer, new_last)
                on conflict (only_one) do update set server = excluded.server, last = excluded.last, taken_at = excluded.taken_at;
            end if;
        end if;
        if touched is null then
            return '{"added": {}, "removed": {}, "made": {}}';
        end if;

        if whole then
            select array_agg(c.key), array_agg(c.definition), array_agg(c.object) into keys, definitions, objects
            from simulation_db.catalog() as c;
        else
            with recursive reached (class, object) as (
                select t.class, t.object from unnest(touched) as t where t.class <> 0
                union
                select each.class, each.object
                from reached cross join lateral (
                    -- What depends on it; and what it is a part of, as a rule is of its view.
                    select d.classid, d.objid from pg_catalog.pg_depend as d
                    where d.refclassid = reached.class and d.refobjid = reached.object
                    union all
                    select d.refclassid, d.refobjid from pg_catalog.pg_depend as d
                    where d.classid = reached.class and d.objid = reached.object and d.deptype = 'i'
                ) as each (class, object)
                -- Everything depends on its schema, but only for its name.
                where reached.class <> 'pg_catalog.pg_namespace'::regclass
            )
            select array_agg(r.object) || case when not bool_and(r.class = any ('{MANY}'::regclass[])) then array[0::oid] end into wanted
            from reached as r;
            select array_agg(o) into named from (
                select unnest(wanted)
                union all select unnest(array[conrelid, contypid]) from pg_catalog.pg_constraint where oid = any (wanted)
                union all select tgrelid from pg_catalog.pg_trigger where oid = any (wanted)
                union all select polrelid from pg_catalog.pg_policy where oid = any (wanted)
                union all select ev_class from pg_catalog.pg_rewrite where oid = any (wanted)
                union all select adrelid from pg_catalog.pg_attrdef where oid = any (wanted)
            ) as n (o);
            select array_agg(c.key), array_agg(c.definition), array_agg(c.object) into keys, definitions, objects
            from (
                select * from simulation_db.catalog_of(wanted, named)
                union all
                select * from simulation_db.catalog_others() where 0 = any (wanted)
            ) as c;
        end if;
        if but <> '{}' then
            select array_agg(o) into kept from (
                select n.object from unnest(keys, objects) as n (key, object) where n.key = any (but)
                union all
                select e.object from simulation_db.snapshot_entry as e where e.key = any (but)
            ) as k (o);
        end if;

        select coalesce(jsonb_object_agg(t.name, t.what) filter (where t.what <> '[]'), '{}') into made from (
            select format('%I.%I', n.nspname, c.relname) as name, case
                when t.former is null then 'true'
                else (
                    select coalesce(jsonb_agg(quote_ident(a.attname) order by a.attnum), '[]')
                    from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attnum > t.columns and not a.attisdropped
                ) end as what
            from unnest(touched, former, former_columns) as t (source, class, object, version, columns_now, former, columns)
            inner join pg_catalog.pg_class as c on c.oid = t.object
            inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where t.source = 'pg_catalog.pg_class'::regclass and t.class = t.source and c.relkind in ('r', 'p')
                and n.nspname !~ '^(pg_|simulation_db)' and n.nspname not in ('information_schema', 'supabase_migrations')
        ) as t;

        with now as (
            select * from unnest(keys, definitions, objects) as n (key, definition, object)
            where (n.object = any (kept)) is not true
        ),
        before as (
            select e.* from (
                select * from simulation_db.snapshot_entry where whole
                union all
                select * from simulation_db.snapshot_entry where not whole and object = any (wanted)
            ) as e
            where (e.object = any (kept)) is not true
        ),
        changed as materialized (
            select key, b.definition as before, n.definition as after, n.object
            from before as b full join now as n using (key)
            where b.definition is distinct from n.definition or b.object is distinct from n.object
        ),
        gone as (
            delete from simulation_db.snapshot_entry as e using changed as c where keep and e.key = c.key and c.after is null
        ),
        put as (
            insert into simulation_db.snapshot_entry as e (key, definition, object)
            select key, after, object from changed where keep and after is not null
            on conflict (key) do update set definition = excluded.definition, object = excluded.object
        )
        select jsonb_build_object(
            'added', coalesce(jsonb_object_agg(key, after) filter (where after is not null), '{}'),
            'removed', coalesce(jsonb_object_agg(key, before) filter (where before is not null), '{}')
        )
        into found from changed where before is distinct from after;

        if keep then
            delete from simulation_db.snapshot_version as s using unnest(touched) as t
            where s.source = t.source and s.class = t.class and s.object = t.object and t.version is null and (t.object = any (kept)) is not true;
            insert into simulation_db.snapshot_version
            select t.* from unnest(touched) as t where t.version is not null and (t.object = any (kept)) is not true
            on conflict (source, class, object) do update set version = excluded.version, columns = excluded.columns;
        end if;
        return found || jsonb_build_object('made', made);
    end
    $changes$;
revoke execute on function simulation_db.changes(boolean, text[], jsonb) from public
