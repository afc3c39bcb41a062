import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCaptured } from "./child.ts";

// `npm run advisories`: what the registry knows against the locked packages. Fails on high and above, unless
// supplyChain.json says why it is accepted; with --must-ask also when the registry did not answer.

/** What `npm audit --json` says, as far as it is read here. */
interface Report {
    readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (string | Advisory)[] }>>;
    readonly message?: string;
    readonly error?: { readonly summary?: string };
}

interface Advisory {
    readonly name: string;
    readonly title: string;
    /** Ends with the advisory's id: GHSA-… */
    readonly url: string;
    readonly severity: string;
}

const root = dirname(import.meta.dirname);
const severe = ["high", "critical"];
const patience = 120;

// For the test: another folder with a lockfile and exceptions of its own.
const folder = process.argv.find((_, index, all) => all[index - 1] === "--folder") ?? root;
const { advisories: accepted } = JSON.parse(readFileSync(join(folder, "toolchain", "supplyChain.json"), "utf8")) as {
    advisories: Readonly<Record<string, string>>;
};

const { stdout, stderr, problem } = await runCaptured("npm", ["audit", "--json", "--package-lock-only", "--audit"], {
    cwd: folder,
    env: process.env,
    seconds: patience,
});
const report = read(stdout);
if (report?.vulnerabilities === undefined) {
    const mustAsk = process.argv.includes("--must-ask");
    const why = report?.message ?? report?.error?.summary ?? (stderr.trim().split("\n")[0] || problem);
    console.log(`not known: the registry could not be asked for advisories: ${why}`);
    process.exitCode = mustAsk ? 1 : 0;
} else {
    const found = Object.values(report.vulnerabilities).flatMap(({ via }) =>
        via.filter(one => typeof one !== "string"),
    );
    const ids = new Set<string>();
    let stops = 0;
    for (const { name, title, url, severity } of found) {
        const id = url.split("/").at(-1) ?? url;
        if (ids.has(id)) continue;
        ids.add(id);
        const reason = accepted[id];
        const isStop = severe.includes(severity) && reason === undefined;
        if (isStop) stops += 1;
        console.log(`${isStop ? "STOPS  " : reason ? "accepts" : "noted  "} ${severity} ${name}: ${title} (${id})`);
        if (reason) console.log(`        ${reason}`);
    }
    const stale = Object.keys(accepted).filter(id => !ids.has(id));
    for (const id of stale)
        console.log(`STOPS   ${id} is accepted in supplyChain.json and no longer reported: remove it`);
    console.log(`${ids.size} advisories, ${stops + stale.length} that stop`);
    process.exitCode = stops + stale.length > 0 ? 1 : 0;
}

function read(text: string): Report | undefined {
    try {
        return JSON.parse(text) as Report;
    } catch {
        return undefined;
    }
}
