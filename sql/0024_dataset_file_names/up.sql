-- Takes no more names of files that an address reads in another way than they are written.
-- Clients of Storage put a name into an address as it is. A service that passes row level security and asks for the file
-- of a row would so be led into another folder.
do $$
declare
    found bigint;
begin
    -- A row with such a name could not be changed any more, and a dump of it not be restored.
    select count(*) into found from public.datasets where file_path ~ '[%?#]';
    if found > 0 then
        raise exception using
            errcode = 'check_violation',
            message = format('%s datasets have a file_path with one of %% ? #, which an address reads otherwise', found),
            hint = 'Give these files other names in Storage, update file_path to match, and apply again.',
            schema = 'public',
            table = 'datasets',
            column = 'file_path';
    end if;
end
$$;

create or replace function simulation_private.is_safe_object_name(name text) returns boolean
language sql
immutable
parallel safe
set search_path = ''
as $$
    select
        octet_length(name) between 1 and 1024
        -- no control characters, no line separators, no marks without a width or that turn the direction, no backslash
        and name !~ '[\u0001-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\\]'
        -- no empty part (a leading, trailing or double slash), no "." and no ".."
        and name !~ '(^|/)\.{0,2}(/|$)'
        -- nothing that means something else in an address: "%2e%2e" is a way up, "?" and "#" end the path
        and name !~ '[%?#]'
$$;
