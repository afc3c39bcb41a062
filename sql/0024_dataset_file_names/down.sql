-- Nothing is lost.
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
$$;
