import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { UserError } from "../runner/userError.ts";
import { runCaptured } from "./child.ts";
import { archiveChecksums, enginePrograms, pulumiVersion } from "./pins.ts";

/** A closed network must fall through to the next way quickly: milliseconds until an answer begins. */
const answerLimit = 5_000;

/** Milliseconds without a single byte until a download is given up. */
const stallLimit = 30_000;

/** Where a downloaded engine came from. */
export interface Downloaded {
    readonly url: string;
    readonly sha256: string;
}

/** The site could not be reached, or does not have the file. */
export class NotAvailable extends Error {}

/** Where the official releases of the engine and of its plugins are. */
export function downloadSite(env: NodeJS.ProcessEnv): string {
    // The variable is for tests: they serve small archives from this machine.
    return env.SIMULATION_DB_PULUMI_SITE ?? "https://get.pulumi.com";
}

/** Does the site answer at all, whatever it says? */
export async function isReachable(site: string): Promise<boolean> {
    return await begin(site, "HEAD").then(
        () => true,
        () => false,
    );
}

/**
 * Downloads the official release of the pinned engine, holds it against its checksum and puts its programs into
 * `folder`. Throws NotAvailable when that site has nothing for us; a checksum that does not fit is an error of its own
 * and nothing of that archive is kept.
 */
export async function downloadEngine(
    folder: string,
    options: { readonly env: NodeJS.ProcessEnv; readonly say: (line: string) => void },
): Promise<Downloaded> {
    const releases = `${downloadSite(options.env)}/releases/sdk`;
    const archive = `pulumi-v${pulumiVersion}-${process.platform}-${process.arch}.tar.gz`;
    const sha256 = archiveChecksums[archive] ?? (await publishedChecksum(releases, archive));
    const url = `${releases}/${archive}`;
    const work = `${folder}.download-${process.pid}`;
    try {
        await mkdir(work, { recursive: true });
        const response = await begin(url, "GET");
        options.say(`downloading Pulumi ${pulumiVersion} from ${new URL(url).host} ...`);
        await save(response, join(work, archive));
        const found = await checksumOf(join(work, archive));
        if (found !== sha256) {
            throw new UserError(`${url} is not what was published: its SHA-256 is ${found}, expected was ${sha256}.`, [
                "Nothing of it was kept. Try again; a proxy may have changed or cut it.",
                "Or set SIMULATION_DB_OFFLINE=1 to build the same version from its Go modules instead.",
            ]);
        }
        await unpack(work, archive, folder, options.env);
        return { url, sha256 };
    } finally {
        await rm(work, { recursive: true, force: true });
    }
}

async function publishedChecksum(releases: string, archive: string): Promise<string> {
    // The name has no "v" here, unlike the archive's.
    const response = await begin(`${releases}/pulumi-${pulumiVersion}-checksums.txt`, "GET");
    const text = await within(stallLimit, response.text());
    for (const line of text.split("\n")) {
        const [sum = "", name = ""] = line.trim().split(/\s+\*?/);
        if (name === archive && /^[0-9a-f]{64}$/.test(sum)) return sum;
    }
    throw new NotAvailable(`no checksum of ${archive} is published`);
}

async function begin(url: string, method: "GET" | "HEAD"): Promise<Response> {
    const abort = new AbortController();
    const response = await within(answerLimit, fetch(url, { method, signal: abort.signal }), () => abort.abort());
    if (method === "GET" && !response.ok) {
        await response.body?.cancel();
        throw new NotAvailable(`${url} answers ${response.status}`);
    }
    return response;
}

async function within<T>(milliseconds: number, work: Promise<T>, giveUp: () => void = () => {}): Promise<T> {
    let limit: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
        limit = setTimeout(() => {
            reject(new NotAvailable(`no answer within ${milliseconds / 1000} s`));
            giveUp();
        }, milliseconds);
    });
    try {
        return await Promise.race([work, tooLate]);
    } catch (error) {
        if (error instanceof NotAvailable) throw error;
        // fetch itself says only "fetch failed".
        const { message, cause } = error as Error;
        throw new NotAvailable(cause instanceof Error ? cause.message : message);
    } finally {
        clearTimeout(limit);
    }
}

async function save(response: Response, file: string): Promise<void> {
    if (response.body === null) throw new NotAvailable("the answer is empty");
    const stalled = new AbortController();
    let limit = setTimeout(() => stalled.abort(), stallLimit);
    async function* watched(bytes: AsyncIterable<Uint8Array>) {
        for await (const chunk of bytes) {
            clearTimeout(limit);
            limit = setTimeout(() => stalled.abort(), stallLimit);
            yield chunk;
        }
    }
    try {
        await pipeline(Readable.fromWeb(response.body), watched, createWriteStream(file), { signal: stalled.signal });
    } catch (error) {
        throw new NotAvailable(`the download broke off: ${(error as Error).message}`);
    } finally {
        clearTimeout(limit);
    }
}

async function checksumOf(file: string): Promise<string> {
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    return hash.digest("hex");
}

/** Takes only what is used here out of the archive: it holds the language hosts of all languages. */
async function unpack(work: string, archive: string, folder: string, env: NodeJS.ProcessEnv): Promise<void> {
    const names = enginePrograms.map(program => program.name);
    const members = names.map(name => `pulumi/${name}`);
    // As root, tar would otherwise give the files to the account number that packed them.
    const args = ["-xzf", archive, "--no-same-owner", ...members];
    const { problem, stderr } = await runCaptured("tar", args, { cwd: work, env, seconds: 300 });
    if (problem !== undefined) {
        throw new UserError(`${archive} cannot be unpacked: tar ${problem}. ${stderr.trim()}`, [
            `Install tar, or Pulumi ${pulumiVersion} or later itself.`,
        ]);
    }
    await mkdir(folder, { recursive: true });
    for (const name of names) {
        await chmod(join(work, "pulumi", name), 0o755);
        await rename(join(work, "pulumi", name), join(folder, name));
    }
}
