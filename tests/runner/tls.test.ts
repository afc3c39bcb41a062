import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canCertify, makeAuthority, makeCertificate } from "../support/certificate.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

describe("TLS", function () {
    this.timeout(60_000);
    let folder: string;
    let cluster: TestCluster;
    let project: SqlProject;
    /** The authority that signed the server's certificate, and one that did not. */
    let ca: string;
    let otherCa: string;

    before(async function () {
        if (!(await canCertify())) this.skip();
        folder = await mkdtemp(join(tmpdir(), "simulation-db-tls-"));
        await chmod(folder, 0o711);
        ca = await makeAuthority(folder, "ca");
        otherCa = await makeAuthority(folder, "other");
        const { certificate, key } = await makeCertificate(folder, "ca", "DNS:localhost");
        cluster = await testCluster({
            major: 15,
            settings: { ssl: "on", ssl_cert_file: certificate, ssl_key_file: key },
        });
        project = await sqlProject(cluster);
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
        if (folder) await rm(folder, { recursive: true, force: true });
    });

    const status = (env: Record<string, string>) =>
        project.run("migrate status", { env: { PGHOST: "localhost", ...env } });

    it("verify-full works with the CA that signed the server's certificate", async () => {
        const { code, output } = await status({ PGSSLMODE: "verify-full", PGSSLROOTCERT: ca });
        assert.equal(code, 0, output);
    });

    it("verify-full refuses a server whose CA is not named", async () => {
        const { code, stderr } = await status({ PGSSLMODE: "verify-full" });
        assert.equal(code, 1);
        assert.match(stderr, /the certificate of localhost:\d+ cannot be verified/);
        assert.match(stderr, /PGSSLROOTCERT/);
    });

    it("verify-full and verify-ca refuse a server that another CA signed", async () => {
        for (const mode of ["verify-full", "verify-ca"]) {
            const { code, stderr } = await status({ PGSSLMODE: mode, PGSSLROOTCERT: otherCa });
            assert.equal(code, 1, mode);
            assert.match(stderr, /cannot be verified/);
        }
    });

    it("verify-full refuses a certificate for another name, verify-ca does not ask for the name", async () => {
        // The certificate is for localhost, and no address is in it.
        const named = { PGHOST: "127.0.0.1", PGSSLROOTCERT: ca };
        const { code, stderr } = await status({ ...named, PGSSLMODE: "verify-full" });
        assert.equal(code, 1);
        assert.match(stderr, /the certificate of 127\.0\.0\.1:\d+ cannot be verified: .*127\.0\.0\.1/);
        assert.equal((await status({ ...named, PGSSLMODE: "verify-ca" })).code, 0);
    });

    it("require encrypts without a CA; with one it verifies it, as libpq does", async () => {
        assert.equal((await status({ PGSSLMODE: "require" })).code, 0);
        assert.equal((await status({ PGSSLMODE: "require", PGSSLROOTCERT: otherCa })).code, 1);
    });

    it("the session is encrypted, and the password is not printed", async () => {
        await project.write({
            "0001_encrypted": {
                up: "select 1 / ssl::int from pg_stat_ssl where pid = pg_backend_pid(); create table public.encrypted ();",
                verify: "select 1;",
            },
        });
        const { code, output } = await project.run("migrate up", {
            env: { PGHOST: "localhost", PGSSLMODE: "verify-full", PGSSLROOTCERT: ca },
        });
        assert.equal(code, 0, output);
        assert.ok(!output.includes(cluster.environment.PGPASSWORD ?? "?"));
    });
});
