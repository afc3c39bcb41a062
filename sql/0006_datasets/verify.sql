-- The table has its columns, constraints and indexes, row level security is on, and anon reaches nothing.
do $$
declare
    missing text;
    open_to text;
begin
    if to_regclass('public.datasets') is null then
        raise exception 'table public.datasets is missing';
    end if;

    select string_agg(wanted.name || ' ' || wanted.type, ', ') into missing
    from (
        values
            ('id', 'uuid', true), ('owner_id', 'uuid', true), ('name', 'text', true), ('description', 'text', false),
            ('file_path', 'text', true), ('file_size', 'bigint', false), ('file_type', 'text', true),
            ('schema_json', 'jsonb', false), ('row_count', 'integer', false), ('column_count', 'integer', false),
            ('created_at', 'timestamp with time zone', true), ('updated_at', 'timestamp with time zone', true)
    ) as wanted (name, type, required)
    where not exists (
        select
        from pg_attribute
        where attrelid = 'public.datasets'::regclass
            and attname = wanted.name
            and format_type(atttypid, atttypmod) = wanted.type
            and attnotnull = wanted.required
    );
    if missing is not null then
        raise exception 'public.datasets lacks or has otherwise: %', missing;
    end if;

    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('datasets_pkey'), ('datasets_owner_id_fkey'), ('datasets_name_length'), ('datasets_name_readable'),
            ('datasets_description_length'), ('datasets_description_readable'), ('datasets_file_path_key'),
            ('datasets_file_path_in_owner_folder'), ('datasets_file_path_safe'), ('datasets_file_path_extension'),
            ('datasets_file_type_known'), ('datasets_file_size_not_negative'), ('datasets_row_count_not_negative'),
            ('datasets_column_count_not_negative'), ('datasets_schema_json_valid')
    ) as wanted (name)
    where not exists (
        select from pg_constraint where conrelid = 'public.datasets'::regclass and conname = wanted.name and convalidated
    );
    if missing is not null then
        raise exception 'public.datasets lacks the constraints %', missing;
    end if;

    select string_agg(wanted.name, ', ') into missing
    from (values ('idx_datasets_owner_id', 'owner_id, created_at DESC'), ('idx_datasets_created_at', 'created_at')) as wanted (name, columns)
    where not exists (
        select
        from pg_index
        where indrelid = 'public.datasets'::regclass
            and indexrelid = to_regclass('public.' || wanted.name)
            and indisvalid
            and pg_get_indexdef(indexrelid) like '%(' || wanted.columns || ')'
    );
    if missing is not null then
        raise exception 'public.datasets lacks the indexes %', missing;
    end if;

    if not (select relrowsecurity from pg_class where oid = 'public.datasets'::regclass) then
        raise exception 'row level security is off on public.datasets';
    end if;

    select string_agg(distinct coalesce(grantee.rolname, 'public'), ', ') into open_to
    from pg_class
    cross join lateral aclexplode(pg_class.relacl) as acl
    left join pg_roles as grantee on grantee.oid = acl.grantee
    where pg_class.oid = 'public.datasets'::regclass and (acl.grantee = 0 or grantee.rolname = 'anon');
    if open_to is not null then
        raise exception 'public.datasets is open to %', open_to;
    end if;
    if has_table_privilege('authenticated', 'public.datasets', 'truncate, references, trigger')
        or has_any_column_privilege('authenticated', 'public.datasets', 'references')
        or has_column_privilege('authenticated', 'public.datasets', 'owner_id', 'update')
        or has_column_privilege('authenticated', 'public.datasets', 'id', 'insert, update')
        or has_column_privilege('authenticated', 'public.datasets', 'created_at', 'insert, update') then
        raise exception 'authenticated has more than its privileges on public.datasets';
    end if;
    if not has_table_privilege('authenticated', 'public.datasets', 'select')
        or not has_table_privilege('authenticated', 'public.datasets', 'delete')
        or not has_column_privilege('authenticated', 'public.datasets', 'name', 'insert')
        or not has_column_privilege('authenticated', 'public.datasets', 'name', 'update') then
        raise exception 'authenticated lacks privileges on public.datasets';
    end if;
end
$$;
