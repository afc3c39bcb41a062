-- The four indexes are there, valid, and on the columns that the listings need.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('idx_sim_runs_user_id', 'user_id, created_at DESC'), ('idx_sim_runs_dataset_id', 'dataset_id'),
            ('idx_sim_runs_status', 'status'), ('idx_sim_runs_org_id', 'org_id, created_at DESC')
    ) as wanted (name, columns)
    where not exists (
        select
        from pg_index
        where indrelid = 'public.simulation_runs'::regclass
            and indexrelid = to_regclass('public.' || wanted.name)
            and indisvalid
            and pg_get_indexdef(indexrelid) like '%(' || wanted.columns || ')'
    );
    if missing is not null then
        raise exception 'public.simulation_runs lacks the indexes %', missing;
    end if;
end
$$;
