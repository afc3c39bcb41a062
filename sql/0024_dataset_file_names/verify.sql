-- The function refuses what an address reads in another way, and takes an ordinary name.
do $$
declare
    name text;
begin
    foreach name in array array['a/%2e%2e/b.csv', 'a/b.csv?c.csv', 'a/b#.csv'] loop
        if simulation_private.is_safe_object_name(name) then
            raise exception 'is_safe_object_name takes %, which an address reads in another way', name;
        end if;
    end loop;
    if not simulation_private.is_safe_object_name('a/b c (1) ä.csv') then
        raise exception 'is_safe_object_name refuses an ordinary name';
    end if;
end
$$;
