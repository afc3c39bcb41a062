import { createServer, type IncomingMessage, request as forward, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import pg from "pg";
import { type Role, callerOf, signToken } from "../../local/storage/token.ts";

/** A stand-in for the gateway of a project: rows and users here, files forwarded to the Storage endpoint. */
export interface Platform {
    readonly url: string;
    /** What Auth answers with from now on instead of doing what it is asked for; undefined: it works. */
    refuse(what: "createUser" | "signIn" | "deleteUser", message: string | undefined): void;
    stop(): Promise<void>;
}

interface Settings {
    /** A superuser: requests become `authenticator` first, as in a real project. */
    readonly database: pg.ClientConfig;
    readonly jwtSecret: string;
    readonly storageUrl: string;
}

type Respond = (status: number, body?: unknown) => void;

/**
 * Serves what {@link checkStack} asks of PostgREST and of Auth, on real rows: each request is a transaction as the role
 * and with the claims of its HS256 token, so policies and privileges decide. Filters: `eq` and `in`; no other feature.
 */
export async function startPlatform({ database, jwtSecret, storageUrl }: Settings): Promise<Platform> {
    const pool = new pg.Pool({ ...database, max: 4, application_name: "platform" });
    pool.on("error", () => {});
    const refusals = new Map<string, string>();
    const passwords = new Map<string, { id: string; password: string }>();

    /** One transaction as a caller; committed when the work is done. */
    async function asCaller<T>(role: Role, claims: object, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
        const client = await pool.connect();
        try {
            await client.query("begin; set local session authorization authenticator");
            await client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify(claims)]);
            await client.query(`set local role ${role}`);
            const result = await work(client);
            await client.query("commit");
            return result;
        } catch (error) {
            await client.query("rollback");
            throw error;
        } finally {
            client.release();
        }
    }

    async function rest(request: IncomingMessage, url: URL, respond: Respond): Promise<void> {
        const { role, claims } = await callerOf(jwtSecret, request.headers.authorization);
        const table = `public.${pg.escapeIdentifier(url.pathname.split("/")[3] ?? "")}`;
        const values: unknown[] = [];
        const parameter = (value: unknown) => `$${values.push(value)}`;
        const conditions = [...url.searchParams]
            .filter(([name]) => !["select", "limit", "columns"].includes(name))
            .map(([name, filter]) => {
                const [, operator, operand = ""] = /^(eq|in)\.(.*)$/.exec(filter) ?? [];
                if (operator === undefined) throw new Error(`the stand-in knows no filter ${filter}`);
                const wanted = operator === "eq" ? [operand] : operand.replace(/^\(|\)$/g, "").split(",");
                return `${pg.escapeIdentifier(name)}::text = any (${parameter(wanted)})`;
            });
        const where = conditions.length > 0 ? ` where ${conditions.join(" and ")}` : "";
        const names = (list: readonly string[]) => list.map(name => pg.escapeIdentifier(name)).join(", ");
        const statement = async (): Promise<string> => {
            switch (request.method) {
                case "GET": {
                    const limit = url.searchParams.get("limit");
                    const columns = names((url.searchParams.get("select") ?? "").split(","));
                    return `select ${columns} from ${table}${where}${limit === null ? "" : ` limit ${parameter(limit)}`}`;
                }
                case "POST": {
                    const row = (await json(request)) as Record<string, unknown>;
                    const columns = names(Object.keys(row));
                    return `insert into ${table} (${columns}) select ${columns} from json_populate_record(null::${table}, ${parameter(JSON.stringify(row))})`;
                }
                case "DELETE":
                    return `delete from ${table}${where}`;
                default:
                    throw new Error(`the stand-in knows no ${request.method}`);
            }
        };
        const text = await statement();
        try {
            const { rows } = await asCaller(role, claims, client => client.query(text, values));
            if (request.method === "GET") respond(200, rows);
            else respond(request.method === "POST" ? 201 : 204);
        } catch (error) {
            const { code, message } = error as pg.DatabaseError;
            respond(code === "42501" ? (role === "anon" ? 401 : 403) : 400, {
                code,
                message,
                details: null,
                hint: null,
            });
        }
    }

    async function auth(request: IncomingMessage, url: URL, respond: Respond): Promise<void> {
        const { role } = await callerOf(jwtSecret, request.headers.authorization);
        const step = `${request.method} ${url.pathname.split("/").slice(3, 5).join("/")}`;
        const refused = (what: string) => {
            const message = refusals.get(what);
            if (message !== undefined) respond(422, { code: "refused", msg: message });
            return message !== undefined;
        };
        const asAuth = (text: string, values: unknown[]) => pool.query(text, values);
        if (step === "POST token") {
            const { email, password } = (await json(request)) as { email: string; password: string };
            const known = passwords.get(email);
            if (refused("signIn")) return;
            if (known?.password !== password) {
                respond(400, { code: "invalid_credentials", msg: "Invalid login credentials" });
                return;
            }
            const claims = { role: "authenticated", aud: "authenticated", sub: known.id };
            respond(200, {
                access_token: await signToken(jwtSecret, claims),
                refresh_token: "none",
                token_type: "bearer",
                expires_in: 3600,
                user: { id: known.id, email, aud: "authenticated" },
            });
        } else if (role !== "service_role") respond(403, { code: "not_admin", msg: "User not allowed" });
        else if (step === "POST admin/users") {
            const { email, password } = (await json(request)) as { email: string; password: string };
            if (refused("createUser")) return;
            const { rows } = await asAuth(
                `insert into auth.users (id, aud, role, email) values (gen_random_uuid(), 'authenticated', 'authenticated', $1) returning id`,
                [email],
            );
            const { id } = rows[0] as { id: string };
            passwords.set(email, { id, password });
            respond(200, { id, email, aud: "authenticated" });
        } else if (step === "DELETE admin/users") {
            if (refused("deleteUser")) return;
            await asAuth("delete from auth.users where id = $1", [url.pathname.split("/")[5]]);
            respond(200, {});
        } else throw new Error(`the stand-in knows no ${step}`);
    }

    const server = createServer((request, response) => {
        const respond: Respond = (status, body) => {
            response.writeHead(status, { "content-type": "application/json" });
            response.end(body === undefined ? undefined : JSON.stringify(body));
        };
        const url = new URL(request.url ?? "/", "http://stand-in");
        const [, service] = url.pathname.split("/");
        if (service === "storage") handOn(request, response, storageUrl);
        else {
            (service === "rest" ? rest : auth)(request, url, respond).catch((error: Error) => {
                respond(401, { code: "PGRST301", message: error.message });
            });
        }
    });
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        refuse(what, message) {
            if (message === undefined) refusals.delete(what);
            else refusals.set(what, message);
        },
        async stop() {
            server.closeAllConnections();
            await new Promise(resolve => server.close(resolve));
            await pool.end();
        },
    };
}

function handOn(request: IncomingMessage, response: ServerResponse, storageUrl: string): void {
    const { method, headers } = request;
    const onward = forward(`${storageUrl}${request.url}`, { method, headers }, answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
}
