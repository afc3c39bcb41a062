import { createServer } from "node:net";

/**
 * A TCP port of 127.0.0.1 that nobody listens on: the first free one of `wishes`, else one the system picks.
 * Another process may take it before it is used, so whoever binds it must be ready to ask again.
 */
export async function freePort(...wishes: readonly (number | undefined)[]): Promise<number> {
    for (const wish of wishes) {
        if (wish !== undefined && (await bound(wish)) !== undefined) return wish;
    }
    const port = await bound(0);
    if (port === undefined) throw new Error("the system has no free TCP port on 127.0.0.1");
    return port;
}

function bound(port: number): Promise<number | undefined> {
    return new Promise(resolve => {
        const server = createServer();
        server.once("error", () => resolve(undefined));
        server.listen({ port, host: "127.0.0.1" }, () => {
            const address = server.address();
            server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
        });
    });
}
