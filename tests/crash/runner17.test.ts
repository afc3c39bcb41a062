import { runnerSweep } from "./runnerSweep.ts";

runnerSweep(17, false);
