-- All rows of datasets leave the table here; the files in Storage stay.
drop table public.datasets;
