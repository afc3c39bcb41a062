import { createCatalogFunctions } from "../catalog/catalog.ts";
import { hashOf } from "../migration/migration.ts";
import { createMirror } from "./mirror.ts";

const createFunctions = [createCatalogFunctions, createMirror].join(";\n");

/** What the installed functions are compared with, so that another version of this tool brings its own. */
export const functionsVersion = hashOf(createFunctions).slice(0, 16);

/** Which ones are installed: that version, or null. SQL. */
export const installedFunctions = "obj_description(to_regprocedure('simulation_db.catalog()'), 'pg_proc')";

/** Installs the ledger's functions, whose schema exists. SQL. */
export const installFunctions = `${createFunctions};
    comment on function simulation_db.catalog() is '${functionsVersion}'`;
