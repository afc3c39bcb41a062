-- Of what Supabase switches on, these come with PostgreSQL. Not obtainable here: pg_graphql, supabase_vault, and on 15 pgjwt.

create extension "uuid-ossp" with schema extensions;
create extension pgcrypto with schema extensions;
create extension pg_stat_statements with schema extensions;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;
