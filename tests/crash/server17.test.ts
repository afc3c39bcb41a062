import { serverSweep } from "./serverSweep.ts";

serverSweep(17, 5);
