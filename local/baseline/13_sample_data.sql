-- A little to look at and to test with. Ada owns Northwind and Grace owns Contoso; Alan is active in both; Edsger was
-- removed, Barbara is invited, Katherine's membership is inactive, and Linus belongs to nobody.

insert into auth.users (
    instance_id, id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at
)
select '00000000-0000-0000-0000-000000000000', person.id::uuid, 'authenticated', 'authenticated',
    person.name || '@example.com', '2025-01-01T00:00:00Z', '{"provider": "email", "providers": ["email"]}',
    jsonb_build_object('name', person.name), '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z'
from (
    values
        ('a0000000-0000-4000-8000-000000000001', 'ada'),
        ('a0000000-0000-4000-8000-000000000002', 'grace'),
        ('a0000000-0000-4000-8000-000000000003', 'alan'),
        ('a0000000-0000-4000-8000-000000000004', 'edsger'),
        ('a0000000-0000-4000-8000-000000000005', 'barbara'),
        ('a0000000-0000-4000-8000-000000000006', 'katherine'),
        ('a0000000-0000-4000-8000-000000000007', 'linus')
) as person (id, name);

insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
select id::text, id, jsonb_build_object('sub', id, 'email', email), 'email', created_at, updated_at from auth.users;

insert into public.profiles (id, full_name, updated_at)
select id, initcap(raw_user_meta_data ->> 'name'), created_at from auth.users;

insert into public.organizations (id, name, slug, created_at) values
    ('b0000000-0000-4000-8000-000000000001', 'Northwind', 'northwind', '2025-01-02T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000002', 'Contoso', 'contoso', '2025-01-03T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000003', 'Fabrikam', 'fabrikam', '2025-01-04T00:00:00Z');

insert into public.organization_members (org_id, user_id, role, status, joined_at) values
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'owner', 'active', '2025-01-02T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000003', 'member', 'active', '2025-01-05T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000004', 'member', 'removed', '2025-01-05T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000005', 'member', 'invited', '2025-01-06T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'owner', 'active', '2025-01-03T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000003', 'admin', 'active', '2025-01-07T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000006', 'viewer', 'inactive', '2025-01-07T00:00:00Z'),
    ('b0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000002', 'owner', 'active', '2025-01-04T00:00:00Z');

insert into public.model_registry (id, org_id, name, version, framework, metrics, created_by, created_at) values
    ('c0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'credit-score', '1.0.0', 'scikit-learn', '{"auc": 0.81}', 'a0000000-0000-4000-8000-000000000001', '2025-01-10T00:00:00Z'),
    ('c0000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000001', 'credit-score', '1.1.0', 'scikit-learn', '{"auc": 0.84}', 'a0000000-0000-4000-8000-000000000003', '2025-02-10T00:00:00Z'),
    ('c0000000-0000-4000-8000-000000000003', 'b0000000-0000-4000-8000-000000000002', 'churn', '0.3.0', 'xgboost', '{"auc": 0.77}', 'a0000000-0000-4000-8000-000000000002', '2025-03-10T00:00:00Z');

insert into public.simulation_runs (id, org_id, created_at, name)
select ('d0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    ('b0000000-0000-4000-8000-00000000000' || 1 + n % 3)::uuid,
    '2025-04-01T00:00:00Z'::timestamptz + n * interval '1 day',
    'Run ' || n
from generate_series(1, 12) as n;
