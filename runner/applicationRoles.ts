/** The upload service: keeps the rows of all datasets. */
export const datasetService = "dataset_service";
/** Bias detection: reads datasets and runs. */
export const simulationReader = "simulation_reader";

/** A login that previews may have instead of the stack's own (docs/security.md): people make it, so it is nobody's drift. */
export const previewLogin = "simulation_preview";

/** Roles that the stack makes before its first migration, in this order: migrations give them policies. */
export const roleNames = [datasetService, simulationReader] as const;
