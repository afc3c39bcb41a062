-- Nothing is lost.
drop function simulation_private.is_dataset_schema(jsonb, integer);
drop function simulation_private.is_safe_object_name(text);
