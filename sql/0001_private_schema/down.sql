-- Nothing is lost: the migrations above took out what was in it.
drop schema simulation_private;
