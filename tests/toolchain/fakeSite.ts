import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A download site on this machine, with what it was asked for. */
export interface FakeSite {
    readonly url: string;
    readonly asked: string[];
    close(): Promise<void>;
}

/** Serves these files by path; everything else is 404. */
export async function fakeSite(files: Readonly<Record<string, Buffer | string>>): Promise<FakeSite> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
        const path = request.url ?? "";
        asked.push(path);
        const content = files[path];
        response.writeHead(content === undefined ? 404 : 200, { connection: "close" }).end(content);
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        asked,
        close: () => new Promise(resolve => server.close(() => resolve())),
    };
}

export function sha256(content: Buffer): string {
    return createHash("sha256").update(content).digest("hex");
}
