-- Both functions look for a run of the same id before they fill in what was sent as null.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (values ('give_run_status'), ('keep_run_status')) as wanted (name)
    where not exists (
        select
        from pg_proc
        where oid = to_regprocedure(format('simulation_private.%s()', wanted.name)) and position('run.id = new.id' in prosrc) > 0
    );
    if missing is not null then
        raise exception 'functions of simulation_private do not ask whether a run is new: %', missing;
    end if;
end
$$;
