-- Nothing is lost.
drop function simulation_private.active_organization_ids();
