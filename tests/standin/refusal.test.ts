import assert from "node:assert/strict";
import { UserError } from "../../runner/userError.ts";
import { LocalCommand } from "../../toolchain/standin/command/localCommand.ts";
import { EngineLog } from "../../toolchain/standin/engineLog.ts";
import { checkSettings } from "../../toolchain/standin/postgresql/settings.ts";
import { isThisMachine, refuseRemote } from "../../toolchain/standin/refusal.ts";
import { UNKNOWN } from "../../toolchain/standin/values.ts";

const OFFICIAL = { name: "command", version: "1.2.1" };
const DEV = "urn:pulumi:dev::project::command:local:Command::name";

describe("what the stand-in plugins refuse", () => {
    for (const host of [
        "localhost",
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "[::1]",
        "/run/postgresql",
        "localhost,127.0.0.1",
        "",
    ]) {
        it(`"${host}" is this machine`, () => assert.equal(isThisMachine(host), true));
    }
    for (const host of ["db.example.com", "127.0.0.1.example.com", "10.0.0.1", "localhost,db.example.com", "0.0.0.0"]) {
        it(`"${host}" is not this machine`, () => assert.equal(isThisMachine(host), false));
    }

    for (const stack of ["staging", "staging-2", "prod", "prod-eu", "prod2eu", "prodeu"]) {
        it(`stack ${stack} is refused even with a local host, in words that say how to go on`, () => {
            const urn = DEV.replace("dev", stack);
            assert.throws(
                () => refuseRemote(OFFICIAL, urn, { PGHOST: "localhost" }),
                (error: unknown) =>
                    error instanceof UserError &&
                    error.message.includes(`stack ${stack}`) &&
                    error.next.some(step => step.includes("pulumi plugin install resource command 1.2.1")),
            );
        });
    }

    it("a guarded stack is let through for a test of this project, on this machine alone", () => {
        const urn = DEV.replace("dev", "prod");
        process.env.SIMULATION_DB_STAND_INS = "loopback";
        try {
            refuseRemote(OFFICIAL, urn, { PGHOST: "localhost", SUPABASE_URL: "127.0.0.1" });
            for (const PGHOST of ["db.example.com", "10.0.0.1", undefined, "", UNKNOWN]) {
                assert.throws(() => refuseRemote(OFFICIAL, urn, { PGHOST }), UserError, String(PGHOST));
            }
            assert.throws(() => refuseRemote(OFFICIAL, urn, { PGHOST: "localhost", SUPABASE_URL: "x.supabase.co" }));
        } finally {
            delete process.env.SIMULATION_DB_STAND_INS;
        }
    });

    it("a host that is missing, or not known before up, passes", () => {
        refuseRemote(OFFICIAL, DEV, { PGHOST: undefined });
        refuseRemote(OFFICIAL, DEV, { PGHOST: UNKNOWN });
    });

    describe("inputs of a command", () => {
        const ambient = { ...process.env };
        afterEach(() => {
            process.env = { ...ambient };
        });

        const reasons = (inputs: Record<string, unknown>) => {
            const { failures } = new LocalCommand(new EngineLog("127.0.0.1:1")).check(DEV, inputs);
            return failures.map(({ property, reason }) => `${property}: ${reason.split("\n")[0]}`);
        };

        it("the host of its own environment counts before the ambient one", () => {
            process.env.PGHOST = "db.example.com";
            assert.deepEqual(reasons({ create: "true", environment: { PGHOST: "localhost" } }), []);
            assert.match(reasons({ create: "true" })[0] ?? "", /PGHOST is db\.example\.com/);
            process.env.PGHOST = "localhost";
            assert.match(reasons({ environment: { PGHOST: "db.example.com" } })[0] ?? "", /PGHOST is db\.example\.com/);
        });

        it("a Supabase project that is elsewhere is refused like a database that is", () => {
            process.env.SUPABASE_URL = "https://abc.supabase.co";
            assert.match(reasons({ create: "true" })[0] ?? "", /SUPABASE_URL is abc\.supabase\.co/);
        });

        it("assets are the official plugin's, and what nobody knows is a mistake", () => {
            assert.match(reasons({ assetPaths: ["*"] })[0] ?? "", /^assetPaths: .*does not know the input assetPaths/);
            assert.match(reasons({ archivePaths: ["*"] })[0] ?? "", /^archivePaths: /);
            assert.deepEqual(reasons({ craete: "true" }), ["craete: is not an input of command:local:Command"]);
            assert.deepEqual(reasons({ create: 1 }), ["create: must be a string"]);
            assert.deepEqual(reasons({ logging: "loud" }), [
                "logging: must be stdout, stderr, stdoutAndStderr or none",
            ]);
            assert.deepEqual(reasons({ create: UNKNOWN, environment: UNKNOWN, interpreter: [UNKNOWN] }), []);
        });
    });

    it("settings of the postgresql provider that only the official plugin knows are named", () => {
        assert.deepEqual(checkSettings({ host: "localhost", port: "5432", superuser: "false", password: UNKNOWN }), []);
        const failures = checkSettings({
            awsRdsIamAuth: "true",
            scheme: "gcppostgres",
            port: "x",
            superuser: "perhaps",
        });
        assert.deepEqual(
            failures.map(({ property }) => property),
            ["awsRdsIamAuth", "scheme", "port", "superuser"],
        );
        assert.match(failures[0]?.reason ?? "", /pulumi plugin install resource postgresql 3\.18\.0/);
    });
});
