-- The caller is the owner where the statement names none.
do $$
begin
    if not exists (
        select
        from pg_attribute
        join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = 'public.datasets'::regclass and attname = 'owner_id' and pg_get_expr(adbin, adrelid) ~ '^(auth\.)?uid\(\)$'
    ) then
        raise exception 'public.datasets.owner_id has not the caller as its default';
    end if;
end
$$;
