import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { previewLogin } from "../../runner/applicationRoles.ts";
import type { StackProject } from "../support/stackProject.ts";
import type { StackTarget } from "../support/stackTarget.ts";
import { appliedPlan } from "../stack/appliedPlan.ts";
import { migrationFiles, smallPlan } from "../stack/smallPlan.ts";

const password = crypto.randomUUID();

/** What docs/security.md has a person run. */
async function documented(): Promise<string> {
    const page = await readFile(join(import.meta.dirname, "../../docs/security.md"), "utf8");
    const [, sql = ""] = /<!-- example: login for previews -->\s+```sql\n([\s\S]*?)```/.exec(page) ?? [];
    return sql;
}

const tags = migrationFiles("0004_tags", {
    up: "-- Lets people mark their notes.\nalter table public.notes add column tags text[];\n",
    down: "alter table public.notes drop column tags;\n",
    verify: "select tags from public.notes limit 0;\n",
});

for (const major of [15, 17] as const) {
    describe(`the login for previews that docs/security.md describes (PostgreSQL ${major})`, function () {
        this.timeout(300_000);
        let target: StackTarget;
        let project: StackProject;
        before(async () => {
            ({ target, project } = await appliedPlan(major));
            const postgres = new pg.Client(target.cluster.connection);
            await postgres.connect();
            await postgres.query(await documented());
            await postgres.query(`alter role ${previewLogin} password ${pg.escapeLiteral(password)}`);
            await postgres.end();
            const { SUPABASE_SERVICE_ROLE_KEY: _key, ...environment } = target.environment;
            project.environment = {
                ...environment,
                SIMULATION_DB_PREVIEW_USER: previewLogin,
                PGPASSWORD: password,
            };
        });
        after(async () => {
            await project?.remove();
            await target?.stop();
        });

        const preview = async () => {
            const { output } = await project.must("preview", "--diff=false");
            assert.doesNotMatch(output, /may not read the ledger|drift not checked/);
            return output;
        };

        it("finds nothing to do and no drift, its own role included, and says what it cannot compare", async () => {
            const output = await preview();
            assert.match(output, /unchanged/);
            assert.doesNotMatch(output, /drift|to (update|create|delete)/);
            assert.match(output, /the bucket's settings are not compared: this login may not read them/);
        });

        it("shows what is pending, tried on a shadow, and a rollback with what it takes", async () => {
            await project.useSql({ ...smallPlan, ...tags });
            const pending = await preview();
            assert.match(pending, /pending: 0004_tags/);
            assert.match(pending, /\+ column tags text\[\]/);
            assert.match(pending, new RegExp(`verified on a shadow of PostgreSQL ${major}`));
            const {
                "0003_notes/up.sql": _up,
                "0003_notes/down.sql": _down,
                "0003_notes/verify.sql": _verify,
                ...less
            } = smallPlan;
            await project.useSql(less);
            const rollback = await preview();
            assert.match(rollback, /to be rolled back: 0003_notes/);
            assert.match(rollback, /- table public\.notes/);
            await project.useSql(smallPlan);
        });

        it("shows what a person changed", async () => {
            await target.admin.query("alter table public.notes alter column text drop not null");
            try {
                assert.match(await preview(), /public\.notes[\s\S]*text/);
            } finally {
                await target.admin.query("alter table public.notes alter column text set not null");
            }
        });

        it("may write nothing, read no row but the ledger's, and become nobody", async () => {
            const { rows } = await target.admin.query<{ may: string }>(
                `
                select format('%s %I.%I', verb, nspname, relname) as may
                from pg_class as c
                inner join pg_namespace as n on n.oid = c.relnamespace
                cross join unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) as verb
                where c.relkind in ('r', 'v', 'm', 'p', 'f') and nspname !~ '^(pg_|information_schema)'
                    and has_schema_privilege($1, n.oid, 'usage')
                    and (
                        has_table_privilege($1, c.oid, verb)
                        or verb in ('select', 'insert', 'update', 'references') and has_any_column_privilege($1, c.oid, verb)
                    )
                union all
                select 'create in ' || nspname from pg_namespace where has_schema_privilege($1, oid, 'create')
                union all
                select 'create in the database' where has_database_privilege($1, current_database(), 'create')
                union all
                select 'execute ' || p.oid::regprocedure from pg_proc as p
                inner join pg_namespace as n on n.oid = p.pronamespace
                where n.nspname ~ '^simulation_' and has_function_privilege($1, p.oid, 'execute')
                    and has_schema_privilege($1, n.oid, 'usage')
                union all
                select 'member of ' || roleid::regrole from pg_auth_members where member = $1::regrole
                union all
                select 'attribute ' || rolname from pg_roles
                where rolname = $1 and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)
                order by 1`,
                [previewLogin],
            );
            assert.deepEqual(
                rows.map(({ may }) => may),
                ["claim", "migration", "snapshot", "snapshot_entry"].map(table => `select simulation_db.${table}`),
            );
        });

        it("is refused by the server itself when it tries, also with its read-only setting taken off", async () => {
            const login = new pg.Client({ ...target.cluster.connection, user: previewLogin, password });
            await login.connect();
            try {
                const writes = [
                    "insert into public.notes (text) values ('x')",
                    "update simulation_db.claim set stack = 'mine'",
                    "delete from simulation_db.migration",
                    "create table public.mine (id integer)",
                    "truncate public.datasets",
                ];
                for (const [setting, code] of [
                    ["on", "25006"],
                    ["off", "42501"],
                ] as const) {
                    await login.query(`set default_transaction_read_only = ${setting}`);
                    for (const write of writes) {
                        await assert.rejects(login.query(write), (error: pg.DatabaseError) =>
                            ["42501", code].includes(error.code ?? ""),
                        );
                    }
                }
            } finally {
                await login.end();
            }
        });
    });
}
