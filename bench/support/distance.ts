import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Environment } from "./copies.ts";

/**
 * Does the work with a way to the same server on which each answer takes so much longer, as over a network.
 *
 * @param roundTripMs half of it each way, in milliseconds
 */
export async function atDistance<T>(
    environment: Environment,
    roundTripMs: number,
    work: (environment: Environment) => Promise<T>,
): Promise<T> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, client => {
        const upstream = connect({ host: environment.PGHOST, port: Number(environment.PGPORT), noDelay: true });
        for (const [from, to] of [
            [client, upstream],
            [upstream, client],
        ] as const) {
            sockets.add(from);
            // Timers of the same length end in the order in which they were set: nothing overtakes.
            from.on("data", data => setTimeout(() => to.write(data), roundTripMs / 2));
            from.on("end", () => setTimeout(() => to.end(), roundTripMs / 2));
            from.on("error", () => to.destroy());
        }
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    try {
        const { port } = server.address() as AddressInfo;
        return await work({ ...environment, PGHOST: "127.0.0.1", PGPORT: String(port) });
    } finally {
        for (const socket of sockets) socket.destroy();
        await new Promise(resolve => server.close(resolve));
    }
}
