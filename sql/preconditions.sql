-- What stands in the way of the first migration, all of it at once: (object, problem, remedy). No row means ready.
-- A row whose object begins with "warning: " stands in nobody's way, and is told all the same.
-- One read-only statement. It reads catalogs, and rows of simulation_runs only where they are there and may be read.
with
-- The migrations are run by this role; who asks here may be another one that reads only.
runner as (
    select oid from pg_roles where rolname = 'postgres'
),

-- Looked up here, and not with to_regclass, which fails for a login that may not use the schema.
relation as (
    select pg_class.oid, format('%s.%s', nspname, relname) as name, nspname as schema, relkind, relowner
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where nspname in ('public', 'auth', 'storage')
),

needed_role (name, is_made_by_stack) as (
    values
        ('postgres', false), ('anon', false), ('authenticated', false), ('service_role', false),
        ('dataset_service', true), ('simulation_reader', true)
),

needed_table (name, is_supabase) as (
    values
        ('public.simulation_runs', false), ('public.model_registry', false), ('public.organizations', false),
        ('public.organization_members', false), ('public.profiles', false),
        ('auth.users', true), ('storage.buckets', true), ('storage.objects', true)
),

needed_column (table_name, name, types) as (
    values
        ('public.simulation_runs', 'id', array['uuid', 'bigint', 'integer', 'text']),
        ('public.simulation_runs', 'org_id', array['uuid']),
        ('public.simulation_runs', 'created_at', array['timestamp with time zone', 'timestamp without time zone']),
        ('public.organization_members', 'org_id', array['uuid']),
        ('public.organization_members', 'user_id', array['uuid']),
        ('public.organization_members', 'status', array['text', 'character varying', 'an enum with the value active']),
        ('auth.users', 'id', array['uuid']),
        ('storage.objects', 'bucket_id', array['text']),
        ('storage.objects', 'name', array['text'])
),

needed_function (schema, name, arguments) as (
    values ('auth', 'uid', ''), ('storage', 'foldername', 'text')
),

-- The columns of the plan: one that is there already is left as it is, so it has to fit.
planned_column (name, type) as (
    values
        ('dataset_id', 'uuid'), ('user_id', 'uuid'), ('config_json', 'jsonb'), ('results_json', 'jsonb'),
        ('status', 'text'), ('started_at', 'timestamp with time zone'), ('completed_at', 'timestamp with time zone'),
        ('error_message', 'text'), ('execution_time_ms', 'integer'), ('updated_at', 'timestamp with time zone')
),

-- Their defaults. Where the column is there with another or none, older applications may count on that.
planned_default (name, expression, is_there, meaning) as (
    values
        ('status', $$'running'$$, $$^'running'::text$$, 'running'),
        ('started_at', 'now()', '^(now\(\)|CURRENT_TIMESTAMP)', 'dated'),
        ('updated_at', 'now()', '^(now\(\)|CURRENT_TIMESTAMP)', 'dated')
),

-- Those with which the migrations' checks would refuse a new run that leaves the column out.
unfit_default as (
    select attname::text as name, pg_get_expr(adbin, adrelid) as expression
    from relation
    join pg_attribute on attrelid = relation.oid and attgenerated = ''
    join pg_attrdef on adrelid = attrelid and adnum = attnum
    where relation.name = 'public.simulation_runs'
        and case attname
            -- Of a constant: what an expression comes to is not known.
            when 'status' then
                substring(pg_get_expr(adbin, adrelid) from '^''(.*)''::(?:text|character varying)$')
                    not in ('running', 'completed', 'failed', 'cancelled')
            else attname in ('completed_at', 'execution_time_ms')
        end
),

-- Names that the migrations give to what they make on tables that are there already.
planned_name (kind, table_name, name) as (
    values
        ('index', 'public.simulation_runs', 'idx_sim_runs_user_id'),
        ('index', 'public.simulation_runs', 'idx_sim_runs_dataset_id'),
        ('index', 'public.simulation_runs', 'idx_sim_runs_status'),
        ('index', 'public.simulation_runs', 'idx_sim_runs_org_id'),
        ('index', 'public.organization_members', 'idx_organization_members_active'),
        ('index', 'public.datasets', 'datasets_pkey'),
        ('index', 'public.datasets', 'datasets_file_path_key'),
        ('index', 'public.datasets', 'idx_datasets_owner_id'),
        ('index', 'public.datasets', 'idx_datasets_created_at'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_status_known'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_execution_time_not_negative'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_completed_after_start'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_completed_when_final'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_execution_time_when_final'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_config_size'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_results_size'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_error_message_size'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_dataset_id_fkey'),
        ('constraint', 'public.simulation_runs', 'simulation_runs_user_id_fkey'),
        ('trigger', 'public.simulation_runs', 'handle_simulation_runs_updated_at'),
        ('trigger', 'public.simulation_runs', 'simulation_runs_identity_kept'),
        ('trigger', 'public.simulation_runs', 'simulation_runs_status_kept'),
        ('trigger', 'public.simulation_runs', 'simulation_runs_dataset_seen'),
        ('trigger', 'public.simulation_runs', 'simulation_runs_end_kept'),
        ('trigger', 'public.simulation_runs', 'simulation_runs_status_given'),
        ('policy', 'public.simulation_runs', 'simulation_runs_member_read'),
        ('policy', 'public.simulation_runs', 'simulation_runs_member_insert'),
        ('policy', 'public.simulation_runs', 'simulation_runs_member_update'),
        ('policy', 'public.simulation_runs', 'simulation_runs_owner_delete'),
        ('policy', 'public.simulation_runs', 'simulation_runs_honest_insert'),
        ('policy', 'public.simulation_runs', 'simulation_runs_honest_update'),
        ('policy', 'public.simulation_runs', 'simulation_runs_reader_read'),
        ('policy', 'storage.objects', 'dataset_files_owner_read'),
        ('policy', 'storage.objects', 'dataset_files_owner_insert'),
        ('policy', 'storage.objects', 'dataset_files_owner_update'),
        ('policy', 'storage.objects', 'dataset_files_owner_delete'),
        ('policy', 'storage.objects', 'dataset_files_owner_only_read'),
        ('policy', 'storage.objects', 'dataset_files_owner_only_insert'),
        ('policy', 'storage.objects', 'dataset_files_owner_only_update'),
        ('policy', 'storage.objects', 'dataset_files_owner_only_delete'),
        ('policy', 'storage.objects', 'dataset_files_anon_no_read'),
        ('policy', 'storage.objects', 'dataset_files_anon_no_insert'),
        ('policy', 'storage.objects', 'dataset_files_anon_no_update'),
        ('policy', 'storage.objects', 'dataset_files_anon_no_delete')
),

-- Rows that a constraint of the migrations would refuse; counted only where the columns are there.
unfit_row (columns, predicate, problem) as (
    values
        (
            array['status'],
            $$status not in ('running', 'completed', 'failed', 'cancelled')$$,
            'have a status other than running, completed, failed and cancelled'
        ),
        (array['execution_time_ms'], 'execution_time_ms < 0', 'have a negative execution_time_ms'),
        (array['started_at', 'completed_at'], 'completed_at < started_at', 'are completed before they started'),
        (
            array['status', 'completed_at'],
            $$completed_at is not null and status not in ('completed', 'failed', 'cancelled')$$,
            'have a completed_at but no final status'
        ),
        (
            array['status', 'execution_time_ms'],
            $$execution_time_ms is not null and status not in ('completed', 'failed', 'cancelled')$$,
            'have an execution_time_ms but no final status'
        ),
        -- As a restore hands them in: a check sees a new value before it is compressed, and #> takes it out of that. Only
        -- values that can be so large are read: what is stored is at least a 256th.
        (
            array['config_json'],
            $$case when pg_column_size(config_json) > 4096 then pg_column_size(config_json #> '{}') > 1048576 end$$,
            'have a config_json of more than 1 MiB'
        ),
        (
            array['results_json'],
            $$case when pg_column_size(results_json) > 65536 then pg_column_size(results_json #> '{}') > 16777216 end$$,
            'have a results_json of more than 16 MiB'
        ),
        (array['error_message'], 'octet_length(error_message) > 65536', 'have an error_message of more than 64 KiB'),
        (
            array['user_id'],
            'user_id is not null and not exists (select from auth.users as person where person.id = run.user_id)',
            'have a user_id that is nobody''s in auth.users'
        ),
        (array['dataset_id'], 'dataset_id is not null', 'have a dataset_id, though there is no table public.datasets yet')
),

present_column as (
    select
        needed_table.name as table_name,
        attname::text as name,
        format_type(atttypid, atttypmod) as type,
        attnum as number,
        atttypid as type_id,
        attnotnull as is_required
    from needed_table
    join relation on relation.name = needed_table.name
    join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
),

run_constraint as (
    select pg_constraint.oid, conname, contype, conkey, confrelid, confdeltype, pg_get_constraintdef(pg_constraint.oid) as definition
    from relation
    join pg_constraint on conrelid = relation.oid
    where relation.name = 'public.simulation_runs'
)

select
    'server' as object,
    format('is PostgreSQL %s, but 15 is the oldest that the migrations are made for', current_setting('server_version')) as problem,
    'upgrade the project in the Supabase dashboard' as remedy
where current_setting('server_version_num')::integer < 150000

union all
select
    format('role %s', needed_role.name),
    'is missing',
    case
        when is_made_by_stack then 'run the whole stack: its roles come before the migrations'
        else 'check host and database in the stack''s configuration: this is no Supabase project'
    end
from needed_role
where not exists (select from pg_roles where rolname = needed_role.name)

union all
select
    format('table %s', name),
    'is missing',
    case
        when is_supabase then 'check host and database in the stack''s configuration: this is no Supabase project'
        else 'create it first: the plan builds on it'
    end
from needed_table
where not exists (select from relation where relation.name = needed_table.name)

union all
select
    format('table %s', needed_table.name),
    'is no plain table (it is a view, a partitioned or a foreign table)',
    'the migrations cannot be used as they are: their indexes are built concurrently, which only plain tables allow'
from needed_table
join relation on relation.name = needed_table.name
where relkind <> 'r' and needed_table.name in ('public.simulation_runs', 'public.organization_members')

union all
select
    format('column %s.%s', needed_column.table_name, needed_column.name),
    case
        when present_column.name is null then 'is missing'
        else format('has the type %s, not %s', present_column.type, array_to_string(needed_column.types, ' or '))
    end,
    'bring the table into the shape that the plan describes'
from needed_column
left join present_column on present_column.table_name = needed_column.table_name and present_column.name = needed_column.name
where exists (select from relation where relation.name = needed_column.table_name)
    and (
        present_column.name is null
        or not (
            regexp_replace(present_column.type, '\(.*\)', '') = any (needed_column.types)
            or (
                needed_column.name = 'status'
                and exists (select from pg_enum where enumtypid = present_column.type_id and enumlabel = 'active')
            )
        )
    )

union all
select
    format('function %s.%s(%s)', schema, name, arguments),
    'is missing',
    'check host and database in the stack''s configuration: this is no Supabase project'
from needed_function
where not exists (
    select
    from pg_proc
    join pg_namespace on pg_namespace.oid = pronamespace
    where nspname = needed_function.schema and proname = needed_function.name and oidvectortypes(proargtypes) = needed_function.arguments
)

union all
select
    format('table %s', relation.name),
    format('belongs to %s, so postgres cannot alter it', pg_get_userbyid(relowner)),
    format('as a member of both roles: alter table %s owner to postgres', relation.name)
from relation
cross join runner
where relation.name in ('public.simulation_runs', 'public.organization_members') and not pg_has_role(runner.oid, relowner, 'usage')

union all
select
    'table auth.users',
    'cannot be referenced by postgres',
    'as its owner: grant references on table auth.users to postgres'
from relation
cross join runner
where relation.name = 'auth.users' and not has_table_privilege(runner.oid, relation.oid, 'references')

union all
select
    'table public.simulation_runs',
    'has no primary key of the one column id, by which rows are kept when a migration is rolled back',
    'alter table public.simulation_runs add primary key (id)'
from present_column as id
where id.table_name = 'public.simulation_runs'
    and id.name = 'id'
    and not exists (select from run_constraint where contype = 'p' and conkey = array[id.number])

union all
select
    'column public.simulation_runs.org_id',
    'is part of the primary key, so it cannot become optional',
    'make another primary key: a run of a user alone has no organization'
from present_column as org
join run_constraint on contype = 'p' and org.number = any (conkey)
where org.table_name = 'public.simulation_runs' and org.name = 'org_id'

union all
select
    'schema simulation_private',
    'is there already',
    'rename it: the migrations make a schema of that name'
where exists (select from pg_namespace where nspname = 'simulation_private')

union all
select
    'table public.datasets',
    'is there already',
    'rename it, or, where it is what the migrations make, take it over with adopt'
from relation
where relation.name = 'public.datasets'

union all
select
    format('function public.handle_updated_at(%s)', oidvectortypes(proargtypes)),
    'is there already, and other triggers may use it',
    'rename it (its triggers follow by themselves), or, where it is what the migrations make, take it over with adopt'
from pg_proc
join pg_namespace on pg_namespace.oid = pronamespace
where nspname = 'public' and proname = 'handle_updated_at'

union all
select
    format('column public.simulation_runs.%s', planned_column.name),
    format('is there already with the type %s, not %s', present_column.type, planned_column.type),
    format('alter table public.simulation_runs alter column %1$I type %2$s, or rename column %1$I', planned_column.name, planned_column.type)
from planned_column
join present_column on present_column.table_name = 'public.simulation_runs' and present_column.name = planned_column.name
where present_column.type <> planned_column.type

union all
select
    format('warning: column public.simulation_runs.%s', planned_default.name),
    format(
        'is there already %s, which stays: a new run that leaves it out is not %s',
        coalesce('with the default ' || pg_get_expr(adbin, adrelid), 'without a default'),
        planned_default.meaning
    ),
    format(
        'where no application counts on that: alter table public.simulation_runs alter column %I set default %s',
        planned_default.name,
        planned_default.expression
    )
from planned_default
join relation on relation.name = 'public.simulation_runs'
join present_column on present_column.table_name = relation.name and present_column.name = planned_default.name
left join pg_attrdef on adrelid = relation.oid and adnum = present_column.number
where coalesce(pg_get_expr(adbin, adrelid), '') !~ planned_default.is_there
    and not exists (select from unfit_default where unfit_default.name = planned_default.name)

union all
select
    format('column public.simulation_runs.%s', name),
    format(
        'is there already with the default %s: a new run that %sleaves it out would be refused',
        expression,
        case when name = 'status' then '' else 'is running and ' end
    ),
    format(
        'alter table public.simulation_runs alter column %I %s',
        name,
        case when name = 'status' then $$set default 'running'$$ else 'drop default' end
    )
from unfit_default

union all
select
    format('column public.simulation_runs.%s', present_column.name),
    'is there already and required, so what it refers to could not be deleted',
    format('alter table public.simulation_runs alter column %I drop not null', present_column.name)
from present_column
where present_column.table_name = 'public.simulation_runs' and present_column.name in ('dataset_id', 'user_id') and is_required

union all
select
    format('constraint %s on public.simulation_runs', conname),
    format('says otherwise than the plan what becomes of a run when its user is deleted: %s', definition),
    case
        when relation.name = 'auth.users' then 'drop it: the migrations make one with "on delete set null"'
        else 'drop it, or make it one with "on delete set null"'
    end
from present_column
join run_constraint on contype = 'f' and conkey = array[present_column.number] and confdeltype <> 'n'
left join relation on relation.oid = confrelid
where present_column.table_name = 'public.simulation_runs' and present_column.name = 'user_id'

union all
select
    format('constraint %s on public.simulation_runs', conname),
    case
        when lacks_some then format('does not allow every status of the plan: %s', definition)
        else format('allows a status that the migrations refuse: %s', definition)
    end,
    format(
        '%sdrop it: the migrations make one that allows running, completed, failed and cancelled',
        case when allows_more then 'see to it that applications write no other status, and ' end
    )
from present_column
join run_constraint on contype = 'c' and conkey = array[present_column.number]
cross join lateral (
    select
        exists (
            select
            from unnest(array['running', 'completed', 'failed', 'cancelled']) as status
            where position(quote_literal(status) in definition) = 0
        ) as lacks_some,
        -- Where the check is a list of what is allowed: what another expression comes to is not known.
        regexp_replace(definition, 'NOT (NULL|VALID)', '', 'g') !~ '<>|~|\mNOT\M'
        and exists (
            select
            from regexp_matches(definition, '\x27([^\x27]*)\x27::', 'g') as literal
            where literal[1] not in ('running', 'completed', 'failed', 'cancelled')
        ) as allows_more
) as compared
where present_column.table_name = 'public.simulation_runs' and present_column.name = 'status' and (lacks_some or allows_more)

-- The status that they are about comes with a default, and so does the start that the end is compared with.
union all
select
    format('column public.simulation_runs.%s', final.name),
    format('is there already, and status is not: a new run would be running, and refused with a value in %s', final.name),
    'alter table public.simulation_runs add column status text'
from present_column as final
where final.table_name = 'public.simulation_runs'
    and final.name in ('completed_at', 'execution_time_ms')
    and not exists (select from present_column where table_name = final.table_name and name = 'status')

union all
select
    'warning: column public.simulation_runs.started_at',
    'is not there, and completed_at is: it comes with the default now(), and a new run that is sent with an end before that would be refused',
    'where applications send such runs: alter table public.simulation_runs add column started_at timestamptz'
from present_column as final
where final.table_name = 'public.simulation_runs'
    and final.name = 'completed_at'
    and not exists (select from present_column where table_name = final.table_name and name = 'started_at')

union all
select
    format('column public.simulation_runs.%s', present_column.name),
    format(
        'takes its default from the sequence %s, which %s may not use: a new run of theirs that leaves it out would be refused',
        used.name,
        used.lacking
    ),
    format('grant usage on sequence %s to %s', used.name, used.lacking)
from relation
join present_column on present_column.table_name = relation.name
join pg_attrdef on adrelid = relation.oid and adnum = present_column.number
join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid and refclassid = 'pg_class'::regclass
cross join lateral (
    select format('%I.%I', nspname, relname) as name, string_agg(rolname, ', ' order by rolname) as lacking
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    join pg_roles on rolname in ('authenticated', 'service_role')
    -- It fails for what is no sequence.
    where pg_class.oid = refobjid and case when relkind = 'S' then not has_sequence_privilege(pg_roles.oid, pg_class.oid, 'usage, update') end
    group by 1
) as used
where relation.name = 'public.simulation_runs'

-- The migrations grant the verbs on the whole table, and leave it to policies which rows.
union all
select
    'table public.simulation_runs',
    format('lets authenticated %s some of its columns only, and the migrations let it %1$s all of them', narrow.privilege),
    format(
        'where all may be so: grant %s on table public.simulation_runs to authenticated; else put the others into a table of their own',
        narrow.privilege
    )
from (
    select distinct attrelid, lower(acl.privilege_type) as privilege
    from relation
    join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
    cross join lateral aclexplode(attacl) as acl
    left join pg_roles as grantee on grantee.oid = acl.grantee
    where relation.name = 'public.simulation_runs'
        and (acl.grantee = 0 or grantee.rolname = 'authenticated')
        and acl.privilege_type in ('SELECT', 'INSERT', 'UPDATE')
) as narrow
join pg_roles as api_role on api_role.rolname = 'authenticated'
where not has_table_privilege(api_role.oid, narrow.attrelid, narrow.privilege)

union all
select
    format('%s %s on %s', planned_name.kind, planned_name.name, planned_name.table_name),
    'is there already, or another object has its name',
    'rename it or drop it: the migrations make one of that name'
from planned_name
left join relation as planned_on on planned_on.name = planned_name.table_name
where case planned_name.kind
    when 'index' then exists (select from relation where relation.name = 'public.' || planned_name.name)
    when 'constraint' then exists (select from pg_constraint where conrelid = planned_on.oid and conname = planned_name.name)
    when 'trigger' then exists (select from pg_trigger where tgrelid = planned_on.oid and tgname = planned_name.name)
    when 'policy' then exists (select from pg_policy where polrelid = planned_on.oid and polname = planned_name.name)
end

union all
select
    'table public.simulation_runs',
    format('%s rows %s', counted.number, unfit_row.problem),
    format('mend them: select * from public.simulation_runs as run where %s', unfit_row.predicate)
from unfit_row
cross join (
    select array_agg(name) as names
    from relation
    where has_schema_privilege(schema, 'usage') and has_table_privilege(oid, 'select')
) as readable
cross join lateral (
    select
        case
            when (
                select count(*)
                from present_column
                join planned_column on planned_column.name = present_column.name and planned_column.type = present_column.type
                where present_column.table_name = 'public.simulation_runs' and present_column.name = any (unfit_row.columns)
            ) = cardinality(unfit_row.columns)
            and readable.names @> array['public.simulation_runs']
            and ('user_id' <> all (unfit_row.columns) or readable.names @> array['auth.users'])
            then
                -- A query in a string, because it cannot be parsed where the columns are missing.
                substring(
                    query_to_xml(
                        format('select count(*) as n from public.simulation_runs as run where %s', unfit_row.predicate),
                        false, true, ''
                    )::text
                    from '<n>(\d+)</n>'
                )::bigint
        end as number
) as counted
where counted.number > 0

order by object, problem;
