import { findObject, send } from "./downloads.ts";
import { refuse } from "./errors.ts";
import { authenticate, type Exchange, type Handler, readJson, sendJson, transaction } from "./exchange.ts";
import { service, signToken, verifyToken } from "./token.ts";

/** `POST /object/sign/<bucket>/<name>`: a path that shows one object, to whoever has it, for `expiresIn` seconds. */
export const signUrl: Handler = async exchange => {
    const expiresIn = seconds(await readJson(exchange));
    await findObject(exchange, await authenticate(exchange));
    sendJson(exchange, { signedURL: await signedPath(exchange, exchange.object, expiresIn) });
};

/** `POST /object/sign/<bucket>`: the same for a list of names; each is answered on its own. */
export const signUrls: Handler = async exchange => {
    const body = await readJson(exchange);
    const expiresIn = seconds(body);
    const { paths } = body;
    if (!Array.isArray(paths) || paths.some(path => typeof path !== "string")) {
        throw refuse.malformed("body must have required property 'paths'");
    }
    const caller = await authenticate(exchange);
    const { rows } = await transaction(exchange, caller, session =>
        session.query<{ name: string }>("select name from storage.objects where bucket_id = $1 and name = any($2)", [
            exchange.bucket,
            paths,
        ]),
    );
    const visible = new Set(rows.map(row => row.name));
    const answers = (paths as string[]).map(async path =>
        visible.has(path)
            ? { error: null, path, signedURL: await signedPath(exchange, path, expiresIn) }
            : { error: "Either the object does not exist or you do not have access to it", path, signedURL: null },
    );
    sendJson(exchange, await Promise.all(answers));
};

/** `GET /object/sign/<bucket>/<name>?token=`: the token is the permission; no policy is asked. */
export const downloadSigned: Handler = async exchange => {
    const token = exchange.query.get("token");
    if (token === null) throw refuse.malformed("querystring must have required property 'token'");
    const claims = await verifyToken(exchange.storage.jwtSecret, token).catch((error: Error) => {
        throw refuse.invalidJwt(error.message);
    });
    if (claims.url !== `${exchange.bucket}/${exchange.object}` || claims.scope !== "download") {
        throw refuse.invalidSignature();
    }
    await send(exchange, await findObject(exchange, service), new Date((claims.exp ?? 0) * 1000));
};

async function signedPath(exchange: Exchange, object: string, expiresIn: number): Promise<string> {
    const url = `${exchange.bucket}/${object}`;
    const now = Math.floor(Date.now() / 1000);
    // No role claim: as a bearer token it would be anon's.
    const token = await signToken(exchange.storage.jwtSecret, {
        url,
        scope: "download",
        iat: now,
        exp: now + expiresIn,
    });
    return `/object/sign/${url}?token=${token}`;
}

function seconds({ expiresIn }: Record<string, unknown>): number {
    if (!Number.isSafeInteger(expiresIn) || Number(expiresIn) < 1)
        throw refuse.malformed("body/expiresIn must be >= 1");
    return Number(expiresIn);
}
