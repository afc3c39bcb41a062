import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { requireSpace } from "../../runner/backup/space.ts";
import { findTools, toolEnvironment } from "../../runner/backup/tools.ts";
import { UserError } from "../../runner/userError.ts";

describe("the tools of a backup", () => {
    let folder: string;
    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "simulation-db-tools-"));
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    /** A folder with tools that can say their version. */
    async function tools(version: string, name = version): Promise<string> {
        const bin = join(folder, name);
        await mkdir(bin);
        for (const tool of ["pg_dump", "pg_restore"]) {
            await writeFile(join(bin, tool), `#!/bin/sh\necho "${tool} (PostgreSQL) ${version}"\n`);
            await chmod(join(bin, tool), 0o755);
        }
        return bin;
    }

    const path = (...bins: string[]) => ({ PATH: bins.join(delimiter) });

    it("of several, those of the server's own version are taken, wherever on PATH they stand", async () => {
        // Newer than any that this machine could have.
        const bins = [await tools("93.1"), await tools("91.4 (Debian 91.4-1)", "91"), await tools("92.0")];
        const { pgDump, pgRestore, major, version } = await findTools("server", 91, path(...bins));
        assert.deepEqual(
            { pgDump, pgRestore, major, version },
            {
                pgDump: join(folder, "91", "pg_dump"),
                pgRestore: join(folder, "91", "pg_restore"),
                major: 91,
                version: "91.4",
            },
        );
    });

    it("where there are none of its own version, the next newer ones are taken", async () => {
        const bins = [await tools("99.1"), await tools("93beta2"), await tools("90.4")];
        assert.equal((await findTools("server", 92, path(...bins))).major, 93);
    });

    it("the folder that is named is the only one that is looked into", async () => {
        const [named, other] = [await tools("91.0"), await tools("92.0")];
        const environment = { ...path(other), SIMULATION_DB_POSTGRES_BIN: named };
        assert.equal((await findTools("server", 91, environment)).major, 91);
        await assert.rejects(findTools("server", 92, environment), UserError);
    });

    it("a pg_dump without its pg_restore, and Debian's wrapper, are passed over", async () => {
        const [lonely, whole] = [await tools("91.0"), await tools("92.0")];
        await rm(join(lonely, "pg_restore"));
        const wrapped = join(folder, "wrapped");
        await mkdir(wrapped);
        await writeFile(join(wrapped, "pg_wrapper"), "#!/bin/sh\necho 'pg_dump (PostgreSQL) 91.0'\n");
        await chmod(join(wrapped, "pg_wrapper"), 0o755);
        for (const tool of ["pg_dump", "pg_restore"]) await symlink("pg_wrapper", join(wrapped, tool));
        assert.equal((await findTools("server", 91, path(lonely, wrapped, whole))).major, 92);
    });

    it("without any, and with older ones alone, the error says what is needed and what there is", async () => {
        const nowhere = { SIMULATION_DB_POSTGRES_BIN: join(folder, "nowhere") };
        await assert.rejects(findTools("server", 17, nowhere), /pg_dump is not installed in .*; the server is Postg/);
        const old = { SIMULATION_DB_POSTGRES_BIN: await tools("14.9") };
        await assert.rejects(
            findTools("server", 17, old),
            (error: UserError) =>
                error.message === "pg_dump is version 14, older than the server's 17: it refuses to dump it." &&
                error.next[0] === "install the PostgreSQL client tools, version 17 or newer (pg_dump and pg_restore)",
        );
        await assert.rejects(
            findTools("backup", 15, old),
            /pg_restore is version 14, older than the backup's 15: it cannot read it/,
        );
    });

    it("they are told of the connection what the runner goes by, and nothing else of the environment", () => {
        const environment = {
            PGHOST: "db.example.com",
            PGPASSWORD: "secret",
            PGSERVICE: "elsewhere",
            PGHOSTADDR: "10.0.0.1",
            SUPABASE_SERVICE_ROLE_KEY: "key",
            PULUMI_CONFIG_PASSPHRASE: "phrase",
        };
        const told = toolEnvironment(environment, { major: 17 });
        const { PGHOST, PGPASSWORD, PGUSER, PGDATABASE, PGSSLMODE, PGSSLROOTCERT } = told;
        assert.deepEqual(
            [PGHOST, PGPASSWORD, PGUSER, PGDATABASE, PGSSLMODE, PGSSLROOTCERT],
            ["db.example.com", "secret", "postgres", "postgres", "verify-full", "system"],
        );
        for (const name of ["PGSERVICE", "PGHOSTADDR", "SUPABASE_SERVICE_ROLE_KEY", "PULUMI_CONFIG_PASSPHRASE"]) {
            assert.equal(told[name], undefined, name);
        }
    });

    it("space that is not there is refused before anything is written, with both sizes", async () => {
        await requireSpace(folder, 0);
        await assert.rejects(
            requireSpace(folder, 2 ** 60),
            /not enough space for a backup in .*: up to \d+ TB are needed, [\d.]+ [kMGT]B are free\./,
        );
    });
});
