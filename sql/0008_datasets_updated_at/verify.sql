-- The trigger is there, enabled, and calls its function.
do $$
begin
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.datasets'::regclass
            and tgname = 'handle_datasets_updated_at'
            and tgfoid = 'public.handle_updated_at()'::regprocedure
            and tgenabled = 'O'
    ) then
        raise exception 'trigger handle_datasets_updated_at on public.datasets is missing or disabled';
    end if;
end
$$;
