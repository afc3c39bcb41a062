-- The trigger is there, enabled, and calls its function.
do $$
begin
    if to_regprocedure('simulation_private.refuse_large_dataset()') is null then
        raise exception 'function simulation_private.refuse_large_dataset() is missing';
    end if;
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.datasets'::regclass
            and tgname = 'datasets_file_size_within_limit'
            and tgfoid = 'simulation_private.refuse_large_dataset()'::regprocedure
            and tgenabled = 'O'
    ) then
        raise exception 'trigger datasets_file_size_within_limit on public.datasets is missing or disabled';
    end if;
end
$$;
