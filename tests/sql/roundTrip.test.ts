import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { readCatalog } from "./catalog.ts";
import { readExample } from "./example.ts";
import { type Ground, grounds, makeGround, titleOf } from "./ground.ts";
import { ada, anon, scene } from "./scene.ts";

for (const kind of grounds) {
    describe(`up and down (${titleOf(kind)})`, function () {
        this.timeout(300_000);
        let ground: Ground;
        beforeEach(async () => {
            ground = await makeGround(kind);
        });
        afterEach(() => ground?.stop());

        it("all the way up and all the way down leaves the catalog and the rows as they were", async () => {
            const before = await readCatalog(ground.admin);
            const rows = await readRows(ground);
            await ground.up();
            assert.notDeepEqual(await readCatalog(ground.admin), before);
            await ground.down();
            assert.deepEqual(await readCatalog(ground.admin), before);
            assert.deepEqual(await readRows(ground), rows);
        });

        it("each single migration is undone exactly, and its second up makes what the first one made", async () => {
            for (const { version, slug } of ground.migrations) {
                const before = await readCatalog(ground.admin);
                await ground.up(version);
                const after = await readCatalog(ground.admin);
                await ground.down(version);
                assert.deepEqual(await readCatalog(ground.admin), before, `${version}_${slug}: down`);
                await ground.up(version);
                assert.deepEqual(await readCatalog(ground.admin), after, `${version}_${slug}: second up`);
            }
        });

        it("pg_dump writes the same schema before up and after down", async function () {
            const dump = await schemaDump(ground);
            if (dump === undefined) this.skip();
            await ground.up();
            await ground.down();
            assert.equal(await schemaDump(ground), dump);
        });

        it("no statement rewrites simulation_runs, and no row of it is touched", async () => {
            const files = async () => {
                const { rows } = await ground.admin.query(
                    `select pg_relation_filenode('public.simulation_runs') as file, array_agg(xmin::text || ctid order by ctid) as versions
                     from public.simulation_runs`,
                );
                return rows;
            };
            const before = await files();
            await ground.up();
            assert.deepEqual(await files(), before);
            await ground.down();
            assert.deepEqual(await files(), before);
        });
    });
}

it("the example of sql/CONVENTIONS.md is the next migration, applies, verifies and is undone exactly", async function () {
    this.timeout(60_000);
    const example = await readExample();
    const ground = await makeGround({ major: 15, defaultPrivileges: "open", simulationRuns: "bare" }, [example]);
    try {
        assert.equal(ground.migrations.at(-2)?.version, String(Number(example.version) - 1).padStart(4, "0"));
        await ground.up(ground.migrations.at(-2)?.version);
        const before = await readCatalog(ground.admin);
        await ground.up();
        assert.notDeepEqual(await readCatalog(ground.admin), before);
        await ground.down(example.version);
        assert.deepEqual(await readCatalog(ground.admin), before);
    } finally {
        await ground.stop();
    }
});

describe("up on projects that are a little different", function () {
    this.timeout(300_000);
    let ground: Ground;
    beforeEach(async () => {
        ground = await makeGround({ major: 17, defaultPrivileges: "open", simulationRuns: "bare" });
    });
    afterEach(() => ground?.stop());

    const restores = async (change: string) => {
        await ground.postgres.query(change);
        const before = await readCatalog(ground.admin);
        await ground.up();
        await ground.down();
        assert.deepEqual(await readCatalog(ground.admin), before);
    };

    it("row level security that was off is off again after down", () =>
        restores("alter table public.simulation_runs disable row level security"));

    it("a run of a user alone is in no table without row level security, on no step of the way down and up again", async () => {
        await ground.postgres.query(`
            alter table public.simulation_runs disable row level security;
            grant select on public.simulation_runs to anon`);
        await ground.up();
        await ground.postgres.query(
            `insert into public.simulation_runs (user_id, name, status, results_json)
             values ($1, 'Private', 'completed', '{"gain": 1}'), (null, 'Private', 'failed', null)`,
            [ada.sub],
        );
        const readPrivate = async () => {
            const { rows } = await ground.admin.query(
                "select to_jsonb(run) as run from public.simulation_runs as run where name = 'Private' order by id",
            );
            return rows;
        };
        const runs = await readPrivate();
        assert.equal(runs.length, 2);
        const unseen = async (step: string) => {
            const { rows } = await ground.admin.query<{ closed: boolean; readable: boolean }>(
                `select relrowsecurity as closed, has_table_privilege('anon', oid, 'select') as readable
                 from pg_class where oid = 'public.simulation_runs'::regclass`,
            );
            if (rows[0]?.readable) {
                await scene(ground, async say => {
                    const seen = await say(anon, "select from public.simulation_runs where name = 'Private'");
                    assert.equal(seen.rowCount, 0, step);
                });
            }
            if (!rows[0]?.closed) assert.deepEqual(await readPrivate(), [], step);
        };
        const steps = ground.migrations.map(({ version }) => version).filter(version => version >= "0010");
        for (const version of steps.toReversed()) {
            await ground.down(version);
            await unseen(`after the down of ${version}`);
        }
        for (const version of steps) {
            await ground.up(version);
            await unseen(`after the up of ${version}`);
        }
        assert.deepEqual(await readPrivate(), runs);
    });

    it("runs without an organization that an open table had before stay there", async () => {
        await ground.postgres.query(`
            alter table public.simulation_runs disable row level security, alter column org_id drop not null;
            insert into public.simulation_runs (name) values ('Older')`);
        const rows = await readRows(ground);
        await ground.up();
        await ground.down();
        assert.deepEqual(await readRows(ground), rows);
    });

    it("an org_id that was optional stays optional after down", () =>
        restores("alter table public.simulation_runs alter column org_id drop not null"));

    it("privileges on columns, with grant option and to PUBLIC come back, and missing ones go again", () =>
        restores(`
            revoke all on public.simulation_runs from authenticated, service_role, anon;
            grant select (id, name), update (name) on public.simulation_runs to public;
            grant references (id) on public.simulation_runs to authenticated;
            grant select on public.simulation_runs to service_role with grant option;
            grant delete on public.simulation_runs to dataset_service;
            grant insert on public.simulation_runs to anon`));

    it("default privileges of other roles and other kinds come through untouched", () =>
        restores(`
            alter default privileges for role postgres grant select on tables to anon, dataset_service with grant option;
            alter default privileges for role postgres revoke execute on functions from public;
            alter default privileges for role postgres in schema public grant execute on functions to public;
            alter default privileges for role postgres in schema public grant usage on types to anon`));

    it("a project where every planned column exists keeps all of them after down", () =>
        restores(`
            alter table public.simulation_runs
                add column dataset_id uuid, add column user_id uuid, add column config_json jsonb, add column results_json jsonb,
                add column status text not null default 'completed', add column started_at timestamptz,
                add column completed_at timestamptz, add column error_message text, add column execution_time_ms integer,
                add column updated_at timestamptz not null default now();
            comment on column public.simulation_runs.status is 'ours'`));
});

async function readRows({ admin }: Ground): Promise<unknown[]> {
    const { rows } = await admin.query("select to_jsonb(run) as run from public.simulation_runs as run order by id");
    return rows;
}

/** Undefined where there is no pg_dump, or only one that is older than the server. */
async function schemaDump({ postgres, admin }: Ground): Promise<string | undefined> {
    const { host, port, user, password } = admin as unknown as Record<string, string>;
    const env = {
        ...process.env,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: user,
        PGPASSWORD: String(password),
        PGSSLMODE: "disable",
    };
    const run = promisify(execFile);
    const version = await run("pg_dump", ["--version"]).catch(() => undefined);
    const { rows } = await postgres.query<{ major: number }>(
        "select current_setting('server_version_num')::int / 10000 as major",
    );
    if (Number(/\) (\d+)/.exec(version?.stdout ?? "")?.[1] ?? 0) < (rows[0]?.major ?? 0)) return undefined;
    const { stdout } = await run(
        "pg_dump",
        ["--schema-only", "--exclude-schema=simulation_db*", "--exclude-schema=supabase_migrations", "postgres"],
        {
            env,
            maxBuffer: 1e8,
        },
    );
    // These two lines hold a random word.
    return stdout.replaceAll(/^\\(un)?restrict .*$/gm, "");
}
