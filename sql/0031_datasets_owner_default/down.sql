-- Nothing is lost; who sends a dataset has to say whose it is again.
alter table public.datasets alter column owner_id drop default;
