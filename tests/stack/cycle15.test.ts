import { describeCycle } from "./cycle.ts";

// A file for each kind of project, so that they run side by side.
describeCycle(15, { defaultPrivileges: "open", simulationRuns: "bare" });
