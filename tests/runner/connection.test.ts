import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { connect } from "../../runner/database/connection.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type RunOutcome, type SqlProject, sqlProject } from "../support/sqlProject.ts";

describe("the connection", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15 });
        project = await sqlProject(cluster, { "0001_first": {} });
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
    });

    /** Runs with these variables, and expects words, an exit code and no secret. */
    async function refused(env: Record<string, string | undefined>, ...words: RegExp[]): Promise<RunOutcome> {
        const outcome = await project.run("migrate up --stdin", { env, stdin: project.stdin("0001") });
        assert.equal(outcome.code, 1, outcome.output);
        for (const word of words) assert.match(outcome.stderr, word);
        assert.match(outcome.stderr, /→/, "it says what to do");
        assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+/m);
        for (const secret of [env.PGPASSWORD, cluster.environment.PGPASSWORD]) {
            if (secret) assert.ok(!outcome.output.includes(secret), "a secret was printed");
        }
        return outcome;
    }

    it("a wrong password is called that, and not printed", async () => {
        const env = { PGPASSWORD: "s3cret-and-wrong" };
        await refused(env, /refuses the login of postgres/, /check PGPASSWORD/);
        for (const command of ["migrate up", "migrate down", "status"]) {
            const { code, output } = await project.run(command, { env });
            assert.equal(code, 1, command);
            assert.match(output, /refuses the login of postgres/);
            assert.ok(!output.includes("s3cret"));
        }
    });

    it("an unknown user is called that", async () => {
        await refused({ PGUSER: "nobody_here" }, /refuses the login of nobody_here/, /PGUSER/);
    });

    it("a missing password is called that", async () => {
        await refused({ PGPASSWORD: undefined }, /asks for a password, and none is given/, /PGPASSFILE/);
        await refused({ PGPASSWORD: "" }, /asks for a password, and none is given/);
    });

    it("a password file is used as psql uses it", async () => {
        const file = join(project.folder, "pgpass");
        const line = `127.0.0.1:${cluster.port}:${project.database}:postgres:${cluster.environment.PGPASSWORD}\n`;
        await writeFile(file, line);
        await chmod(file, 0o600);
        const { stdout } = await project.must("migrate status", { env: { PGPASSWORD: undefined, PGPASSFILE: file } });
        assert.match(stdout, /0 applied, 1 pending/);
    });

    it("no server is called that", async () => {
        await refused({ PGPORT: "1" }, /nothing listens on 127\.0\.0\.1:1\b/, /npm start/);
        await refused({ PGPORT: "1", PGHOST: "localhost" }, /nothing listens on localhost:1\b/);
    });

    it("a host that nobody knows is called that", async () => {
        const env = { PGHOST: "no-such-host.invalid", PGSSLMODE: "verify-full" };
        await refused(env, /the host name no-such-host\.invalid cannot be resolved/, /databaseHost/);
    });

    it("a database that is not there is called that", async () => {
        await refused(
            { PGDATABASE: "not_there" },
            /no such database: database "not_there" does not exist/,
            /PGDATABASE/,
        );
    });

    it("a server that says nothing is given up after a bounded time", async () => {
        const mute = createServer(() => {});
        await new Promise<void>(resolve => mute.listen(0, "127.0.0.1", resolve));
        try {
            const PGPORT = String((mute.address() as AddressInfo).port);
            const { tookMs } = await refused({ PGPORT, PGCONNECT_TIMEOUT: "1" }, /does not answer/, /network/);
            assert.ok(tookMs < 10_000, `took ${tookMs} ms`);
        } finally {
            mute.close();
        }
    });

    it("no PGHOST is an error: no database is guessed", async () => {
        await refused({ PGHOST: undefined }, /PGHOST is not set/, /npm start/);
        await refused({ PGHOST: "" }, /PGHOST is not set/);
    });

    it("a variable that is empty is one that is not set", async () => {
        await project.must("migrate status", { env: { PGSSLMODE: "", PGUSER: "" } });
    });

    it("the transaction pooler's port is refused, with the ports that work", async () => {
        await refused({ PGPORT: "6543" }, /6543 is Supabase's transaction pooler/, /session pooler .* 5432/);
    });

    it("a port that is none is refused", async () => {
        for (const port of ["many", "0", "70000", "54.32"]) {
            const connection = connect({ ...project.environment, PGPORT: port }, "test");
            await assert.rejects(connection, /PGPORT is ".*": expected a port number/);
        }
    });

    it("an unknown sslmode is refused with the known ones", async () => {
        const connection = connect({ ...project.environment, PGSSLMODE: "prefer" }, "test");
        await assert.rejects(
            connection,
            /PGSSLMODE is "prefer": expected one of disable, require, verify-ca, verify-full/,
        );
    });

    it("TLS is not switched off for a host that is not this machine", async () => {
        const env = { PGHOST: "db.example.com", PGSSLMODE: "disable" };
        await refused(env, /PGSSLMODE=disable would send the password of db\.example\.com in clear/, /verify-full/);
    });

    it("a server without TLS is refused where TLS is asked for", async () => {
        await refused({ PGSSLMODE: "require" }, /answers without TLS/);
    });

    it("a CA file that cannot be read, or holds no certificate, is named", async () => {
        const missing = join(project.folder, "missing.crt");
        await refused(
            { PGSSLMODE: "verify-full", PGSSLROOTCERT: missing },
            /the CA file .*missing\.crt cannot be read/,
        );
        const page = join(project.folder, "page.crt");
        await writeFile(page, "<!doctype html><title>Sign in</title>");
        await refused({ PGSSLMODE: "verify-full", PGSSLROOTCERT: page }, /page\.crt holds no certificate/);
    });

    it("a setting that is no number of milliseconds is refused", async () => {
        const { code, stderr } = await project.run("migrate up", { env: { SIMULATION_DB_LOCK_TIMEOUT_MS: "1s" } });
        assert.equal(code, 1);
        assert.match(stderr, /SIMULATION_DB_LOCK_TIMEOUT_MS is "1s": expected whole milliseconds/);
    });

    for (const [name, value, said] of [
        ["SIMULATION_DB_LOCK_TIMEOUT_MS", "0", /_LOCK_TIMEOUT_MS is 0: a statement has to end some time\./],
        ["SIMULATION_DB_STATEMENT_TIMEOUT_MS", "0", /_STATEMENT_TIMEOUT_MS is 0: a statement has to end some time\./],
        ["SIMULATION_DB_ARCHIVE", "false", /SIMULATION_DB_ARCHIVE is "false": expected on or off\./],
    ] as const) {
        it(`${name}=${value} is refused: it would not mean what it looks like`, async () => {
            const { code, stderr } = await project.run("migrate up", { env: { [name]: value } });
            assert.equal(code, 1);
            assert.match(stderr, said);
        });
    }

    it("a retry time of none is one, and an archive that is on is one", async () => {
        const env = { SIMULATION_DB_RETRY_FOR_MS: "0", SIMULATION_DB_ARCHIVE: "on" };
        assert.equal((await project.run("status", { env })).code, 0);
    });

    it("a user whom the machine has no name for can run it", async function () {
        if (process.getuid?.() !== 0) this.skip();
        // Only root can become somebody else.
        await chmod(project.folder, 0o755);
        await project.must("migrate status", { uid: 54_321 });
    });

    it("a login that may not use the ledger is told so", async () => {
        await project.admin.query("create role reader login password 'reader-test'");
        try {
            await project.must("migrate up");
            const env = { PGUSER: "reader", PGPASSWORD: "reader-test" };
            const { code, stderr } = await project.run("migrate up", { env });
            assert.equal(code, 1);
            assert.match(stderr, /permission denied/);
            assert.match(stderr, /PGUSER/);
            assert.doesNotMatch(stderr, /^\s+at /m);
        } finally {
            await project.admin.query("drop role reader");
        }
    });
});
