import { readFile } from "node:fs/promises";
import { explain, UserError } from "../../runner/userError.ts";
import { startStorage } from "./server.ts";

// The daemon behind `npm start`: settings from the environment, the secret from a file that only its owner can read,
// the database from libpq's own variables. SIGTERM ends it.

async function main(): Promise<void> {
    const running = await startStorage({
        port: portNumber(required("STORAGE_PORT")),
        database: {},
        jwtSecret: await readSecret(required("STORAGE_SECRETS_FILE")),
        filesDir: required("STORAGE_FILES_DIR"),
    });
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
        process.once(signal, () => {
            void running.close().then(() => process.exit(0));
        });
    }
    console.log(`storage listening on ${running.url}`);
}

function required(name: string): string {
    const value = process.env[name];
    if (!value) throw new UserError(`${name} is not set: the local Storage endpoint needs it`);
    return value;
}

function portNumber(text: string): number {
    const port = Number(text);
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
        throw new UserError(`STORAGE_PORT is "${text}": expected a whole number from 0 (a free port) to 65535`);
    }
    return port;
}

async function readSecret(file: string): Promise<string> {
    const next = ["It is what STORAGE_SECRETS_FILE names; `npm start` writes it."];
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        throw new UserError(`${file} cannot be read (${error.code})`, next);
    });
    const secret = secretIn(text);
    if (secret === undefined) throw new UserError(`${file} holds no jwtSecret`, next);
    return secret;
}

// JSON.parse quotes what it cannot read, and here that would be a secret: its error goes no further.
function secretIn(text: string): string | undefined {
    try {
        const secret = (JSON.parse(text) as { jwtSecret?: unknown } | null)?.jwtSecret;
        return typeof secret === "string" && secret !== "" ? secret : undefined;
    } catch {
        return undefined;
    }
}

main().catch((error: unknown) => {
    console.error(explain(error));
    process.exitCode = 1;
});
