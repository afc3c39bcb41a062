import { readdir, readFile } from "node:fs/promises";

/** What the command lines of a process and of all that it starts said while somebody looked. */
export interface ArgumentWatch {
    /** One line per process and command line. */
    stop(): Promise<readonly string[]>;
}

/** Milliseconds between two looks. */
const interval = 4;

/** Looks at the processes below one, again and again, as any account of the machine could. For Linux. */
export function watchArguments(root = process.pid): ArgumentWatch {
    const seen = new Set<string>();
    let isOver = false;
    const look = async (pid: string): Promise<void> => {
        const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
        const line = (await read("cmdline")).replaceAll("\0", " ").trim();
        if (line !== "") seen.add(line);
        // A child belongs to the thread that made it.
        const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
        const children = await Promise.all(threads.map(thread => read(`task/${thread}/children`)));
        await Promise.all(children.flatMap(list => list.split(" ").filter(Boolean)).map(look));
    };
    const watching = (async () => {
        while (!isOver) {
            await look(String(root));
            await new Promise(resolve => setTimeout(resolve, interval));
        }
    })();
    return {
        async stop() {
            isOver = true;
            await watching;
            return [...seen];
        },
    };
}
