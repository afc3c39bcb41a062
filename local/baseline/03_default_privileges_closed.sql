-- The shape of projects made since 2026 ("Default privileges for new entities" off). It takes back less than its name
-- says: anon keeps truncate, references and trigger on new tables, and reaches functions through PUBLIC.

alter default privileges for role postgres in schema public
    revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    revoke usage, select on sequences from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    revoke execute on functions from anon, authenticated, service_role;
