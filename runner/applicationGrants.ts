import { datasetService, simulationReader } from "./applicationRoles.ts";

/** One row per grant; `columns` narrows it. Row level security still decides which rows. */
export interface TableGrant {
    readonly role: string;
    readonly table: string;
    readonly privilege: "SELECT" | "INSERT" | "UPDATE";
    readonly columns?: readonly string[];
}

/** What the upload service finds out by reading the file. */
const measured = ["file_size", "schema_json", "row_count", "column_count"];
const written = ["name", "description", "file_path", "file_type", ...measured];

/** What the applications' roles may do in schema public: least privilege, and nothing is deleted by a service. */
export const tableGrants: readonly TableGrant[] = [
    { role: datasetService, table: "datasets", privilege: "SELECT" },
    { role: datasetService, table: "datasets", privilege: "INSERT", columns: ["id", "owner_id", ...written] },
    { role: datasetService, table: "datasets", privilege: "UPDATE", columns: measured },
    { role: simulationReader, table: "datasets", privilege: "SELECT" },
    { role: simulationReader, table: "simulation_runs", privilege: "SELECT" },
];

/** What a reader may do with tables that are made later; row level security shows it no row until a policy names it. */
export const laterTables = { role: simulationReader, privilege: "SELECT" } as const;
