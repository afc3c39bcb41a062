import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

/** Where figures were taken: without it they mean nothing. */
export interface Machine {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly platform: string;
    /** Mean number of running processes in the minute before: other work makes figures worse. */
    readonly loadBefore: number;
}

export function readMachine(): Machine {
    const processors = cpus();
    return {
        cpu: processors[0]?.model ?? "unknown",
        cores: processors.length,
        memoryGiB: Math.round(totalmem() / 2 ** 30),
        platform: `${platform()} ${release()} ${arch()}`,
        loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    };
}
