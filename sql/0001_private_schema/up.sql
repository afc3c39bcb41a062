-- Makes the schema simulation_private for helper functions and settings that the API must not expose.
create schema simulation_private;
revoke all on schema simulation_private from public;

comment on schema simulation_private is
    'Helper functions and settings of the simulation schema. Not exposed to the API; nobody but its owner may use it by name.';
