import { runnerSweep } from "./runnerSweep.ts";

runnerSweep(15, true);
