import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import type { LocalServer } from "../../local/server.ts";
import {
    ambientFor,
    evalLines,
    localPulumiHome,
    pulumiHomeOf,
    standInsServe,
    variablesOf,
} from "../../toolchain/environment.ts";
import { inScratch, putScript, systemPath } from "./scratch.ts";

const dev = { name: "dev", embedded: true, place: {} };
const place = { PGHOST: "db.example.org", SUPABASE_URL: "https://example.org" };
const staging = { name: "staging", embedded: false, place };
const server: LocalServer = {
    host: "127.0.0.1",
    port: 54329,
    database: "postgres",
    user: "postgres",
    password: "it's $HOME `x`",
    storageUrl: "http://127.0.0.1:54330",
    serviceRoleKey: "key",
    anonKey: "anon",
    jwtSecret: "secret",
};
const node = dirname(process.execPath);
const cli = { command: "/own bin/pulumi", version: "3.230.0", folders: ["/own bin"] };

describe("the environment of a stack", () => {
    it("prints lines that a shell evaluates to exactly the same values, and is rid of others", () => {
        const values = { A: "a b", B: "it's", C: '"$HOME" `id` \\ $(id)', D: "two\nlines", E: "", F: "* ~ ; &" };
        const script = `${evalLines(values, ["GONE"])}node -p 'JSON.stringify([A,B,C,D,E,F].map(k => process.env[k]))' 2>&1`;
        const names = [...Object.keys(values), "GONE"].map(name => `"${name}"`);
        const printed = execFileSync("sh", ["-c", script.replace("[A,B,C,D,E,F]", `[${names.join(",")}]`)], {
            env: { PATH: `${node}:${systemPath}`, GONE: "of the stack before" },
            encoding: "utf8",
        });
        assert.deepEqual(JSON.parse(printed), [...Object.values(values), null]);
    });

    it("of the local stack has state, passphrase and connection of its own, the path escaped as a URL", () => {
        const variables = variablesOf("/a b/c#d", dev, { cli, server, env: { PATH: "/usr/bin:/own bin" } });
        assert.deepEqual(variables, {
            PATH: `${node}:/own bin:/usr/bin`,
            PULUMI_SKIP_UPDATE_CHECK: "1",
            PULUMI_STACK: "dev",
            SIMULATION_DB_STACK: "simulation-db/dev",
            PULUMI_HOME: "/a b/c#d/.local/pulumi/home",
            PULUMI_BACKEND_URL: "file:///a%20b/c%23d/.local/pulumi/state",
            PULUMI_CONFIG_PASSPHRASE: "simulation-db-dev",
            PGHOST: "127.0.0.1",
            PGPORT: "54329",
            PGDATABASE: "postgres",
            PGUSER: "postgres",
            PGPASSWORD: "it's $HOME `x`",
            PGSSLMODE: "disable",
            SUPABASE_URL: "http://127.0.0.1:54330",
            SUPABASE_SERVICE_ROLE_KEY: "key",
        });
    });

    it("has nothing on PATH that is there only because npm runs us", () => {
        const npm = "/p/node_modules/.bin:/node_modules/.bin:/usr/lib/npm/lib/node-gyp-bin";
        const env = { PATH: `${node}:${npm}:/home/p/node_modules/.bin:/usr/bin` };
        const { PATH } = variablesOf("/p", dev, { cli, server, env });
        assert.equal(PATH, `${node}:/own bin:/home/p/node_modules/.bin:/usr/bin`);
    });

    it("keeps an engine on PATH that was found in front of what npm put there", () => {
        const env = { PATH: "/engine:/p/node_modules/.bin:/usr/lib/npm/lib/node-gyp-bin:/usr/bin" };
        const found = { ...cli, command: "/engine/pulumi", folders: [] };
        assert.equal(variablesOf("/p", dev, { cli: found, server, env }).PATH, `${node}:/engine:/usr/bin`);
    });

    it("of any other stack brings programs only: backend, login and password stay the user's", () => {
        const env = { PATH: "/usr/bin", PULUMI_BACKEND_URL: "s3://ours", PGPASSWORD: "theirs", PULUMI_HOME: "/home/p" };
        assert.deepEqual(Object.keys(variablesOf("/p", staging, { cli, server: undefined, env })), [
            "PATH",
            "PULUMI_SKIP_UPDATE_CHECK",
            "PULUMI_STACK",
            "SIMULATION_DB_STACK",
        ]);
        assert.deepEqual(ambientFor("/p", staging, env), env);
        assert.equal(pulumiHomeOf("/p", staging, env), "/home/p");
    });

    it("of any other stack is rid of the local one's, which a shell may carry from an eval", () => {
        const env: NodeJS.ProcessEnv = {
            ...variablesOf("/p", dev, { cli, server, env: { PATH: "/usr/bin" } }),
            PGPASSWORD: "of staging, set since",
            HOME: "/home/p",
        };
        assert.deepEqual(ambientFor("/p", staging, env), {
            PATH: env.PATH,
            HOME: "/home/p",
            PULUMI_SKIP_UPDATE_CHECK: "1",
            PULUMI_STACK: "dev",
            SIMULATION_DB_STACK: "simulation-db/dev",
            PGPASSWORD: "of staging, set since",
            SUPABASE_SERVICE_ROLE_KEY: "key",
        });
        assert.notEqual(pulumiHomeOf("/p", staging, env), localPulumiHome("/p"));
    });

    it("lets stand-ins serve the local stack, and another one only for a test that has it on this machine", () => {
        const here = { ...staging, place: { PGHOST: "localhost", SUPABASE_URL: "http://127.0.0.1:1" } };
        const asked = { SIMULATION_DB_STAND_INS: "loopback" };
        assert.equal(standInsServe(dev, {}), true);
        assert.equal(standInsServe(staging, {}), false);
        assert.equal(standInsServe(here, {}), false);
        assert.equal(standInsServe(here, asked), true);
        assert.equal(
            variablesOf("/p", here, { cli, server: undefined, env: asked }).PULUMI_HOME,
            localPulumiHome("/p"),
        );
        for (const part of [{ PGHOST: "db.example.org" }, { SUPABASE_URL: "https://example.org" }]) {
            const away = { ...here, place: { ...here.place, ...part } };
            assert.throws(() => standInsServe(away, asked), /is not on this machine: (db\.)?example\.org\.$/);
        }
        assert.throws(() => standInsServe(here, { SIMULATION_DB_STAND_INS: "yes" }));
    });

    it("of the local stack is rid of what would lead libpq elsewhere", () => {
        const env = { PGHOSTADDR: "10.0.0.1", PGSERVICE: "prod", PGPASSFILE: "/x", PGTZ: "UTC" };
        assert.deepEqual(ambientFor("/p", dev, env), { PGTZ: "UTC" });
    });

    it("is rid of an archive that the shell switches off, as the stack's file says that", () => {
        const env = { SIMULATION_DB_ARCHIVE: "off", PGTZ: "UTC" };
        for (const stack of [dev, staging]) assert.deepEqual(ambientFor("/p", stack, env), { PGTZ: "UTC" });
    });

    it("leaves PATH alone where the installed Pulumi is the first on it", () =>
        inScratch(async folder => {
            const command = putScript(join(folder, "pulumi"), "");
            const path = `${folder}:/usr/bin`;
            const installed = { command, version: "3.230.0", folders: [] };
            const { PATH } = variablesOf("/p", dev, { cli: installed, server, env: { PATH: path } });
            assert.equal(PATH, `${node}:${path}`);
        }));
});
