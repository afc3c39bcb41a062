import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { contentSettings, readContentLike } from "../../runner/backup/content.ts";
import { createBackup } from "../../runner/backup/create.ts";
import type { Manifest } from "../../runner/backup/manifest.ts";
import { withSession } from "../../runner/database/session.ts";
import { readPage } from "../docs/pages.ts";
import { makeStage } from "../security/stage.ts";
import type { Ground } from "../sql/ground.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { hasPostgresClient } from "../support/postgresClient.ts";
import { installedTools } from "./installedTools.ts";

const shape = { defaultPrivileges: "open", simulationRuns: "extended" } as const;

/** Who may do what with the tables of public, and which policies there are. */
const access = `
    select c.relname as name, coalesce(r.rolname, 'public') as who, acl.privilege_type as what
    from pg_class as c
    cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as acl
    left join pg_roles as r on r.oid = acl.grantee
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
    union all
    select format('%I.%I', schemaname, tablename), policyname, concat_ws(' ', cmd, roles, qual, with_check) from pg_policies
    order by 1, 2, 3`;

describe("a whole project from a backup, as docs/handbook.md does it", function () {
    this.timeout(180_000);
    let ground: Ground;
    let target: TestCluster;
    let admin: pg.Client;
    let folder: string;

    before(async function () {
        if (!hasPostgresClient() || !(await installedTools(15))) this.skip();
        folder = await mkdtemp(join(tmpdir(), "simulation-db-new-project-"));
        ground = await makeStage({ major: 15, ...shape });
        target = await testCluster({ major: 15, shape: { ...shape, simulationRuns: "absent" } });
        admin = new pg.Client(target.adminUrl());
        await admin.connect();
    });
    after(async () => {
        await admin?.end();
        await target?.stop();
        await ground?.stop();
        if (folder) await rm(folder, { recursive: true, force: true });
    });

    it("brings every row into a new project, and what each role may do", async () => {
        const settings = { mode: "required", folder, keep: 1 } as const;
        const environment = { ...process.env, ...ground.environment };
        await withSession(environment, "test", async session => {
            await createBackup(session, settings, environment, () => {});
        });
        const [id = ""] = (await readdir(folder)).filter(name => name.endsWith("Z"));
        const { rows: users } = await ground.admin.query<{ id: string }>("select id from auth.users");
        await admin.query("insert into auth.users (id) select unnest($1::uuid[])", [users.map(user => user.id)]);

        const { text } = await readPage("docs/handbook.md");
        const [, script = ""] = /<!-- example: a new project -->\s+```bash\n([\s\S]*?)```/.exec(text) ?? [];
        const env = { ...process.env, ...target.environment, backup: join(folder, id, "/") };
        await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { cwd: folder, env });

        const { tables } = JSON.parse(await readFile(join(folder, id, "manifest.json"), "utf8")) as Manifest;
        assert.ok(tables.some(({ table, rows }) => table === "public.datasets" && rows > 0));
        await admin.query(`begin read only; ${contentSettings}`);
        for (const table of tables) {
            const { rows, checksum } = await readContentLike(admin, table);
            assert.deepEqual({ table: table.table, rows, checksum }, table);
        }
        await admin.query("rollback");
        for (const { verify } of ground.migrations) await admin.query(verify);
        assert.deepEqual((await admin.query(access)).rows, (await ground.admin.query(access)).rows);
    });
});
