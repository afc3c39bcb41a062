-- The trigger looks at rows that are written, not at those that an upsert proposes; 0007 says that it is there.
do $$
begin
    -- The bit is that of triggers that fire before.
    if exists (
        select
        from pg_trigger
        where tgrelid = 'public.datasets'::regclass and tgname = 'datasets_file_size_within_limit' and tgtype & 2 <> 0
    ) then
        raise exception 'trigger datasets_file_size_within_limit on public.datasets fires before a row is written';
    end if;
end
$$;
