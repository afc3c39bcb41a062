import { readdirSync, readFileSync } from "node:fs";

/** What the command lines of a process and of all that it starts said while somebody looked. */
export interface ArgumentWatch {
    /** Looks now at one process that was just started: the line of a short one is not left to luck. */
    look(pid: number | undefined): void;
    /** One line per process and command line. */
    stop(): Promise<readonly string[]>;
}

/** Milliseconds between two looks. */
const interval = 4;

/** Looks at the processes below one, again and again, as any account of the machine could. For Linux. */
export function watchArguments(root = process.pid): ArgumentWatch {
    const seen = new Set<string>();
    let isOver = false;
    /** @returns whether it has one */
    const noteLine = (pid: string): boolean => {
        const line = orElse("", () => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
            .replaceAll("\0", " ")
            .trim();
        if (line !== "") seen.add(line);
        return line !== "";
    };
    // In one go: a look that waits between two reads comes too late for what ends meanwhile.
    const lookBelow = (pid: string): void => {
        noteLine(pid);
        // A child belongs to the thread that made it.
        for (const thread of orElse([], () => readdirSync(`/proc/${pid}/task`))) {
            const list = orElse("", () => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8"));
            for (const child of list.split(" ").filter(Boolean)) lookBelow(child);
        }
    };
    const watching = (async () => {
        while (!isOver) {
            lookBelow(String(root));
            await new Promise(resolve => setTimeout(resolve, interval));
        }
    })();
    return {
        look(pid) {
            // While the kernel puts a program in its place, it has no line yet.
            while (!noteLine(String(pid)) && isAlive(String(pid)));
        },
        async stop() {
            isOver = true;
            await watching;
            return [...seen];
        },
    };
}

function isAlive(pid: string): boolean {
    return /^State:\t[^XZ]/m.test(orElse("", () => readFileSync(`/proc/${pid}/status`, "utf8")));
}

/** What is read, or this where the process is over. */
function orElse<T>(other: T, read: () => T): T {
    try {
        return read();
    } catch {
        return other;
    }
}
