-- The columns that only the extended shape has: every state that a run can be in, and runs of which nothing is known.

update public.simulation_runs r
set status = known.status, started_at = r.created_at + interval '5 minutes', updated_at = r.created_at + interval '1 hour'
from (values (1, 'running'), (2, 'completed'), (3, 'failed'), (4, 'cancelled'), (5, 'completed'), (6, 'completed'))
    as known (n, status)
where r.name = 'Run ' || known.n;

update public.simulation_runs set started_at = created_at, updated_at = null where name = 'Run 7';
