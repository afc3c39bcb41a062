import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import pg from "pg";
import type { Outcome } from "../support/engine.ts";
import { unfilled } from "../support/stackFiles.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { assertRefused } from "./refused.ts";
import { migrationFiles, smallPlan } from "./smallPlan.ts";
import { appliedVersions, hasLedger, type Snapshot, takeSnapshot } from "./snapshot.ts";

describe("a stack that is pointed at something else than its own database", function () {
    this.timeout(240_000);
    let target: StackTarget;
    let other: StackTarget;
    let project: StackProject;
    /** The first up had no service key. */
    let withoutKey: { readonly outcome: Outcome; readonly ledger: boolean };
    let applied: Snapshot;

    before(async () => {
        target = await stackTarget({ major: 15, shape: { defaultPrivileges: "closed" } });
        // Clusters of one template have one system identifier: another version has another template.
        other = await stackTarget({ major: 17, shape: { defaultPrivileges: "closed" } });
        project = await stackProject({ environment: target.environment, sql: smallPlan });
        await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
        const { SUPABASE_SERVICE_ROLE_KEY: _, ...keyless } = target.environment;
        project.environment = keyless;
        withoutKey = { outcome: await project.up(), ledger: await hasLedger(target.admin) };
        project.environment = target.environment;
        await project.must("up", "--yes", "--skip-preview");
        applied = await takeSnapshot(target.admin);
    });
    afterEach(async () => {
        if (!applied) return;
        project.environment = target.environment;
        project.select("dev");
        assert.deepEqual(await takeSnapshot(target.admin), applied, "what was refused changed nothing");
    });
    after(async () => {
        await project?.remove();
        await other?.stop();
        await target?.stop();
    });

    it("without the service key up stops before anything is changed, and the next up completes", async () => {
        assertRefused(withoutKey.outcome, "SUPABASE_SERVICE_ROLE_KEY is not set");
        assert.equal(withoutKey.ledger, false);
        assert.equal(applied.rows["storage.buckets"]?.length, 1);
        await project.must("preview", "--expect-no-changes");
    });

    it("a wrong password is told as such, and is not repeated", async () => {
        project.environment = { ...target.environment, PGPASSWORD: "a-wrong-password" };
        const outcome = await project.preview();
        assertRefused(outcome, "refuses the login of postgres", "check PGPASSWORD");
        assert.ok(!outcome.output.includes("a-wrong-password"));
    });

    it("a password that was changed needs no up: the old one is refused, the new one finds nothing to do", async () => {
        const { PGUSER = "", PGPASSWORD: old = "" } = target.environment;
        const renewed = crypto.randomUUID();
        const change = (password: string) =>
            target.admin.query(`alter role ${pg.escapeIdentifier(PGUSER)} password ${pg.escapeLiteral(password)}`);
        await change(renewed);
        try {
            assertRefused(await project.preview(), "refuses the login of postgres", "check PGPASSWORD");
            project.environment = { ...target.environment, PGPASSWORD: renewed };
            await project.must("preview", "--expect-no-changes");
            const { output: state } = await project.must("stack", "export");
            for (const password of [old, renewed]) assert.ok(!state.includes(password));
        } finally {
            await change(old);
        }
    });

    it("no server is told with what to do", async () => {
        const port = await closedPort();
        project.environment = { ...target.environment, PGPORT: String(port) };
        assertRefused(await project.preview(), `nothing listens on 127.0.0.1:${port}`, "npm start");
    });

    it("another database is refused at preview by its identity, and by destroy before anything runs on it", async () => {
        const resources = await project.resources();
        const untouched = await takeSnapshot(other.admin);
        project.environment = other.environment;
        const ours = await identityOf(target.admin);
        const theirs = await identityOf(other.admin);
        const words = [
            "another database than the one the stack was applied to",
            `expected ${ours}, connected to ${theirs}`,
        ];
        assertRefused(await project.preview(), ...words);
        assertRefused(await project.destroy(), ...words);
        assert.deepEqual(await takeSnapshot(other.admin), untouched);
        assert.equal(await hasLedger(other.admin), false);
        assert.deepEqual(await project.resources(), resources);
    });

    it("a stack of another name on the same database is refused, and its own stack goes on", async () => {
        await project.newStack("second", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
        assertRefused(await project.preview(), "the stack simulation-db/dev manages this database already");
        project.select("dev");
        await project.must("preview", "--expect-no-changes");
    });
});

describe("a stack whose first up failed, and whose databaseName is another one then", function () {
    this.timeout(180_000);
    let target: StackTarget;
    let project: StackProject;

    before(async () => {
        target = await stackTarget({ major: 15 });
        await target.admin.query("create database another owner postgres");
        // Only rows bring the error about, so no preview sees it.
        const broken = migrationFiles("0004_more", {
            up: "comment on table public.notes is 'Notes.';\nselect id::text::integer from auth.users;\n",
            down: "comment on table public.notes is null;\n",
            verify: "select;\n",
        });
        project = await stackProject({ environment: target.environment, sql: { ...smallPlan, ...broken } });
        const { PGHOST = "", PGPORT = "", PGSSLMODE = "", SUPABASE_URL = "" } = target.environment;
        await project.newStack("shared", {
            ...{ databaseHost: PGHOST, databasePort: PGPORT, databaseSslMode: PGSSLMODE, storageUrl: SUPABASE_URL },
            ...{ databaseName: "postgres", backup: "off" },
        });
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    it("rolls nothing back in the one before, and is refused", async () => {
        assertRefused(await project.up(), "0004_more");
        const left = await takeSnapshot(target.admin);
        assert.deepEqual(await appliedVersions(target.admin), ["0001", "0002", "0003"]);
        await project.configure({ databaseName: "another" });
        project.environment = { ...target.environment, PGDATABASE: "another" };
        const said = await project.clearInterrupted("up");
        assert.doesNotMatch(said.join("\n"), /Finishing/);
        assert.deepEqual(await appliedVersions(target.admin), ["0001", "0002", "0003"]);
        // The two have one server, and so its roles.
        assertRefused(await project.up(), "there is a role dataset_service", "no stack manages this database");
        assert.deepEqual(await takeSnapshot(target.admin), left);
    });
});

describe("a stack that is not ready to begin", function () {
    this.timeout(180_000);
    let target: StackTarget;
    let project: StackProject;

    before(async () => {
        target = await stackTarget({ major: 15 });
        project = await stackProject({ environment: target.environment });
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    it("prod with placeholders left is refused before anything is connected to, with every key", async () => {
        const file = "Pulumi.prod.yaml";
        const text = await readFile(join(import.meta.dirname, "../..", file), "utf8");
        await project.write({ [file]: unfilled(text) });
        await project.newStack("prod", {});
        assertRefused(
            await project.preview(),
            "Pulumi.prod.yaml is not ready",
            "databaseHost is still the placeholder",
            "databaseUser is still the placeholder",
            "databaseCaFile is still the placeholder",
            "storageUrl is still the placeholder",
        );
    });

    it("an unknown and a wrong key are refused before anything is connected to, with the nearest ones", async () => {
        await project.newStack("misspelt", {
            databaseHots: "127.0.0.1",
            storageUrl: "http://127.0.0.1:1",
            backup: "requird",
        });
        assertRefused(
            await project.preview(),
            "Pulumi.misspelt.yaml is not ready",
            "simulation-db:databaseHots is no key of this project (did you mean databaseHost?)",
            "simulation-db:databaseHost is missing",
            'simulation-db:backup is "requird" (did you mean required?): allowed are required, optional, off',
        );
    });

    it("the port of the transaction pooler is refused with the ones that serve", async () => {
        await project.newStack("pooled", {
            databaseHost: "127.0.0.1",
            databasePort: "6543",
            databaseSslMode: "disable",
            storageUrl: "http://127.0.0.1:1",
        });
        assertRefused(
            await project.preview(),
            "port 6543 is Supabase's transaction pooler",
            "the session pooler or the direct connection: both listen on port 5432",
        );
    });

    it("a database without the five tables gets one error that lists them all, and nothing is made", async () => {
        const tables = ["simulation_runs", "model_registry", "organizations", "organization_members", "profiles"];
        await target.admin.query(`drop table ${tables.map(name => `public.${name}`).join(", ")} cascade`);
        await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded" });
        assertRefused(
            await project.up(),
            "this database is not ready for the first migration",
            ...tables.map(name => `table public.${name}: is missing`),
        );
        assert.equal(await hasLedger(target.admin), false);
        const { rows } = await target.admin.query("select from pg_roles where rolname = 'dataset_service'");
        assert.equal(rows.length, 0);
    });
});

async function identityOf(client: pg.Client): Promise<string> {
    const { rows } = await client.query<{ identity: string }>(
        "select system_identifier || '/' || current_database() as identity from pg_control_system()",
    );
    return rows[0]?.identity ?? "";
}

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    await new Promise(resolve => server.close(resolve));
    assert.ok(address !== null && typeof address === "object");
    return address.port;
}
