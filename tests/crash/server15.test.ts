import { serverSweep } from "./serverSweep.ts";

serverSweep(15, 2);
