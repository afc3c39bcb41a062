import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server that fails when a test wants it to. */
export interface FaultyNetwork {
    readonly port: number;
    /**
     * Cuts the connection as soon as the server has answered with one text after the client had sent another; the
     * answer never arrives.
     */
    cutAt(sent: string, answered: string): void;
    /** Cuts whatever is connected now. */
    cut(): void;
    /** Whether a connection was cut by {@link cutAt}. */
    wasCut(): boolean;
    close(): Promise<void>;
}

/** Starts passing on what comes to a port of its own. The caller closes it. */
export async function faultyNetwork(target: { host: string; port: number }): Promise<FaultyNetwork> {
    const sockets = new Set<Socket>();
    let trap: { sent: string; answered: string } | undefined;
    let cut = false;
    const server = createServer(client => {
        const upstream = connect(target);
        let armed = false;
        for (const socket of [client, upstream]) {
            sockets.add(socket);
            // Either end may reset the connection: that is what this is for.
            socket.on("error", () => {});
            socket.on("close", () => {
                sockets.delete(socket);
                client.destroy();
                upstream.destroy();
            });
        }
        client.on("data", data => {
            if (trap && data.includes(trap.sent)) armed = true;
            upstream.write(data);
        });
        upstream.on("data", data => {
            if (armed && trap && data.includes(trap.answered)) {
                cut = true;
                client.destroy();
            } else client.write(data);
        });
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    return {
        port: (server.address() as AddressInfo).port,
        cutAt(sent, answered) {
            trap = { sent, answered };
        },
        cut() {
            for (const socket of sockets) socket.destroy();
        },
        wasCut: () => cut,
        async close() {
            for (const socket of sockets) socket.destroy();
            await new Promise(resolve => server.close(resolve));
        },
    };
}
