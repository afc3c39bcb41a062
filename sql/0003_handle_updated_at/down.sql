-- Nothing is lost.
drop function public.handle_updated_at();
