-- Makes the functions that check what users send: object names and the description of a dataset's columns.
create function simulation_private.is_safe_object_name(name text) returns boolean
language sql
immutable
parallel safe
set search_path = ''
as $$
    select
        octet_length(name) between 1 and 1024
        -- no control characters, no line separators, no marks without a width or that turn the direction, no backslash
        and name !~ '[\u0001-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\\]'
        -- no empty part (a leading, trailing or double slash), no "." and no ".."
        and name !~ '(^|/)\.{0,2}(/|$)'
$$;

revoke all on function simulation_private.is_safe_object_name(text) from public, anon, authenticated, service_role;
grant execute on function simulation_private.is_safe_object_name(text) to authenticated, service_role;

comment on function simulation_private.is_safe_object_name(text) is
    'Whether a name can be an object key: at most 1024 bytes, no way out of its folder, nothing invisible.';

create function simulation_private.is_dataset_schema(schema_json jsonb, column_count integer) returns boolean
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    known_types constant text[] := array[
        'boolean', 'integer', 'number', 'decimal', 'string', 'binary',
        'date', 'time', 'timestamp', 'duration', 'list', 'struct', 'map', 'null'
    ];
    max_bytes constant integer := 1048576;
    problem text;
begin
    if schema_json is null then
        return true;
    end if;

    if jsonb_typeof(schema_json) <> 'array' then
        problem := format('it must be an array with one object per column, not %s', jsonb_typeof(schema_json));
    elsif octet_length(schema_json::text) > max_bytes then
        problem := format('it has %s bytes, %s are allowed', octet_length(schema_json::text), max_bytes);
    elsif jsonb_array_length(schema_json) <> column_count then
        problem := format('it describes %s columns, but column_count is %s', jsonb_array_length(schema_json), column_count);
    else
        select format('column %s %s', item.position, fault.text) into problem
        from jsonb_array_elements(schema_json) with ordinality as item (value, position)
        cross join lateral (
            select
                case
                    when jsonb_typeof(item.value) <> 'object' then 'must be an object'
                    when jsonb_typeof(item.value -> 'name') is distinct from 'string' then 'needs a name, a string'
                    when item.value ->> 'name' !~ '\S' then 'has a blank name'
                    when char_length(item.value ->> 'name') > 255 then 'has a name of more than 255 characters'
                    when item.value ->> 'name' ~ '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]'
                        then 'has control characters in its name'
                    when jsonb_typeof(item.value -> 'type') is distinct from 'string' then 'needs a type, a string'
                    when item.value ->> 'type' <> all (known_types)
                        then format('has the unknown type %s', left((item.value -> 'type')::text, 64))
                    when item.value ? 'nullable' and jsonb_typeof(item.value -> 'nullable') <> 'boolean'
                        then 'has a nullable that is neither true nor false'
                end as text
        ) as fault
        where fault.text is not null
        order by item.position
        limit 1;

        if problem is null then
            select format('%s columns have the name %s', count(*), to_jsonb(item.value ->> 'name')) into problem
            from jsonb_array_elements(schema_json) as item (value)
            group by item.value ->> 'name'
            having count(*) > 1
            order by item.value ->> 'name'
            limit 1;
        end if;
    end if;

    if problem is null then
        return true;
    end if;
    raise exception using
        errcode = 'check_violation',
        message = 'schema_json is not the description of a dataset: ' || problem,
        hint = 'Expected is for example [{"name": "age", "type": "integer", "nullable": true}]. Known types: '
            || array_to_string(known_types, ', ') || '.',
        schema = 'public',
        table = 'datasets',
        column = 'schema_json',
        constraint = 'datasets_schema_json_valid';
end
$$;

revoke all on function simulation_private.is_dataset_schema(jsonb, integer) from public, anon, authenticated, service_role;
grant execute on function simulation_private.is_dataset_schema(jsonb, integer) to authenticated, service_role;

comment on function simulation_private.is_dataset_schema(jsonb, integer) is
    'True for a valid description of columns; else it raises check_violation and says which column is wrong. More keys are allowed.';
