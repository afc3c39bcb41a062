import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { chmod, link, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../runner/userError.ts";

/** What the embedded default's doors are locked with; random for each checkout. */
export interface LocalSecrets {
    /** Of the role postgres, and of the logins that Supabase's services use. */
    readonly postgresPassword: string;
    /** Of the superuser supabase_admin. */
    readonly adminPassword: string;
    /** Signs and checks the keys below and the tokens of users. */
    readonly jwtSecret: string;
    /** The API key of an application's front end: a token for role anon. */
    readonly anonKey: string;
    /** The API key of a server: a token for role service_role, which row level security does not bind. */
    readonly serviceRoleKey: string;
}

const names = ["postgresPassword", "adminPassword", "jwtSecret", "anonKey", "serviceRoleKey"] as const;

/** The secrets kept in `secrets.json` of a folder, mode 0600; made at the first call, also when two come at once. */
export async function localSecrets(dir: string): Promise<LocalSecrets> {
    const file = join(dir, "secrets.json");
    const known = await read(file);
    if (known) return known;
    await mkdir(dir, { recursive: true });
    const mine = `${file}.${randomUUID()}`;
    try {
        await writeFile(mine, `${JSON.stringify(makeSecrets(), undefined, 4)}\n`, { flag: "wx", mode: 0o600 });
        // A link, unlike a rename, leaves what another process has just made.
        await link(mine, file).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== "EEXIST") throw error;
        });
    } finally {
        await rm(mine, { force: true });
    }
    const made = await read(file);
    if (made === undefined) throw new Error(`${file} vanished`);
    return made;
}

export function makeSecrets(): LocalSecrets {
    const jwtSecret = password(40);
    return {
        postgresPassword: password(18),
        adminPassword: password(18),
        jwtSecret,
        anonKey: apiKey("anon", jwtSecret),
        serviceRoleKey: apiKey("service_role", jwtSecret),
    };
}

async function read(file: string): Promise<LocalSecrets | undefined> {
    let text: string;
    try {
        text = await readFile(file, "utf8");
        if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new UserError(`${file} cannot be read: ${(error as Error).message}`, [
            "Run this as the account that made it.",
        ]);
    }
    try {
        const found = JSON.parse(text) as Record<string, unknown>;
        if (names.every(name => typeof found[name] === "string" && found[name] !== "")) return found as never;
    } catch {
        // Said below.
    }
    throw new UserError(`${file} is not what this project wrote: it should hold ${names.join(", ")}.`, [
        "Bring back the one that the embedded database was made with, or",
        "make the database anew: `npm run stop`, remove it, .local/postgres and .local/pulumi/state, `npm start`.",
    ]);
}

/** Letters and digits of a URL, so that no shell or connection string needs quoting. */
function password(bytes: number): string {
    return randomBytes(bytes).toString("base64url");
}

/** A JSON Web Token as Supabase's own keys were for years: HS256, a role, ten years. */
function apiKey(role: "anon" | "service_role", secret: string): string {
    const now = Math.floor(Date.now() / 1000);
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({
        iss: "supabase",
        ref: "embedded",
        role,
        iat: now,
        exp: now + 10 * 365 * 24 * 3600,
    })}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
