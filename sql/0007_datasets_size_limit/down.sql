-- Nothing is lost.
drop trigger datasets_file_size_within_limit on public.datasets;
drop function simulation_private.refuse_large_dataset();
