import { describeCycle } from "./cycle.ts";

describeCycle(17, { defaultPrivileges: "closed", simulationRuns: "extended" });
