/** The upload service: keeps the rows of all datasets. */
export const datasetService = "dataset_service";
/** Bias detection: reads datasets and runs. */
export const simulationReader = "simulation_reader";

/** Roles that the stack makes before its first migration, in this order: migrations give them policies. */
export const roleNames = [datasetService, simulationReader] as const;
