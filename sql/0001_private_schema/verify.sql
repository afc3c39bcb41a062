-- The schema is there, and PUBLIC and the roles of the API cannot use it.
do $$
declare
    reached_by text;
begin
    if to_regnamespace('simulation_private') is null then
        raise exception 'schema simulation_private is missing';
    end if;
    select string_agg(role.name, ', ') into reached_by
    from (values ('anon'), ('authenticated'), ('service_role')) as role (name)
    where has_schema_privilege(role.name, 'simulation_private', 'usage, create');
    if reached_by is not null then
        raise exception 'schema simulation_private is open to %', reached_by;
    end if;
end
$$;
