-- Makes handle_updated_at(), the trigger function that keeps updated_at.
create function public.handle_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;

-- A trigger needs no execute privilege when it fires, so nobody is left with one.
revoke all on function public.handle_updated_at() from public, anon, authenticated, service_role;

comment on function public.handle_updated_at() is 'Trigger function: sets updated_at to the start of the transaction.';
