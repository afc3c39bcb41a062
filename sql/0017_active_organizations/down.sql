-- Nothing is lost.
drop view simulation_private.active_organizations;
