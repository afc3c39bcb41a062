import assert from "node:assert/strict";
import type { Rehearsal } from "../../preview/trial/rehearsal.ts";
import { causeIn, type TrialGround, trialGround } from "../findings/trialGround.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { majors, rehearsePending } from "./ground.ts";

/**
 * An extension that no shadow has: another one under a name of our own. The catalog of the target says that it is
 * there, as Supabase's says of pgvector.
 */
const foreignExtension = `
    create schema ext;
    grant usage on schema ext to public;
    create extension ltree schema ext;
    create table public.docs (id bigint, path ext.ltree);
    create index docs_path on public.docs using gist (path);
    alter table public.docs owner to postgres;
    update pg_extension set extname = 'pathtree' where extname = 'ltree';`;

/** Adds to it a type with modifiers that are words, as PostGIS has: \`geometry(Point,4326)\`. None of PostgreSQL's is so. */
const typeWithModifiers = `
    create type ext.shape;
    create function ext.shape_in(cstring) returns ext.shape language internal immutable strict as 'textin';
    create function ext.shape_out(ext.shape) returns cstring language internal immutable strict as 'textout';
    create function ext.shape_typmod_in(cstring[]) returns integer language internal immutable strict as 'array_ndims';
    create type ext.shape (input = ext.shape_in, output = ext.shape_out, typmod_in = ext.shape_typmod_in);
    alter extension pathtree add type ext.shape;
    alter extension pathtree add function ext.shape_in(cstring);
    alter extension pathtree add function ext.shape_out(ext.shape);
    alter extension pathtree add function ext.shape_typmod_in(cstring[]);
    create table public.places (id bigint, shape ext.shape(Point,4326));
    alter table public.places owner to postgres;`;

const up = (sql: string, down = "select 1;") => ({ "0001_change": { up: sql, down, verify: "select 1;" } });

for (const major of majors) {
    describe(`what a shadow cannot represent (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
        });
        afterEach(() => project?.remove());

        const causeOf = ({ up: trials, proof }: Rehearsal) => ({
            cause: trials.at(-1)?.failure?.cause,
            verified: proof.verified,
        });

        describe("an extension that is missing here", () => {
            beforeEach(() => project.admin.query(foreignExtension));

            it("its types and functions can be used in what a migration makes", async () => {
                const { proof, up: trials } = await rehearsePending(
                    project,
                    up(
                        `alter table public.docs add column other ext.ltree;
                         create function public.above(ext.ltree) returns boolean language sql as 'select $1 operator(ext.@>) $1';`,
                        "drop function public.above(ext.ltree);\nalter table public.docs drop column other;",
                    ),
                );
                assert.ok(proof.verified, proof.words);
                assert.equal(trials[0]?.failure, undefined);
                assert.equal(trials[0]?.reversal?.verdict, "restored");
                assert.ok(
                    proof.notes.some(note => /the extension pathtree is not there/.test(note)),
                    proof.notes.join("\n"),
                );
                assert.ok(proof.notes.some(note => /differs from the target in: index public\.docs_path/.test(note)));
            });

            for (const [what, sql] of [
                ["calling its functions", "select ext.nlevel('a.b'::ext.ltree);"],
                ["its kinds of index", "create index docs_other on public.docs using gist (path);"],
                ["what the copy lacks because of it", "drop index public.docs_path;"],
                ["the order of its values", "create table public.ways as select distinct path from public.docs;"],
                ["an index of PostgreSQL's own kind", "create index docs_by_path on public.docs (path);"],
                [
                    "sorting lists of its values",
                    "create view public.ways as select array[path] from public.docs order by 1;",
                ],
                ["a modifier of its types", "create table public.spots (id bigint, shape ext.shape(Point,4326));"],
                ["a modifier that is one word", 'create table public.spots (id bigint, shape ext."shape"(point));'],
                ["a modifier of a new column", "alter table public.docs add column shape ext.shape(Point,4326);"],
                [
                    "a modifier of a column's new type",
                    "alter table public.docs alter column path type ext.shape(Point);",
                ],
                [
                    "a modifier in a function",
                    "create function public.f(ext.shape(Point)) returns int language sql return 1;",
                ],
                ["a modifier in a DO block", "do $$ declare s ext.shape(Point); begin null; end $$;"],
                ["a modifier in code", "do $$ begin perform null::ext.shape(Point); end $$;"],
            ] as const) {
                it(`${what} proves nothing: it is not verified, and no fault of the migration`, async () => {
                    await project.admin.query(typeWithModifiers);
                    const found = await rehearsePending(project, up(sql));
                    assert.deepEqual(causeOf(found), { cause: "shadow", verified: false });
                    assert.match(
                        found.proof.words,
                        /^NOT VERIFIED: the shadow cannot represent sql\/0001_change\/up\.sql:1: /,
                    );
                });
            }

            for (const sql of [
                "drop index public.docs_patch;",
                "create table public.spots (shape ext.shape, size varchar(0));",
                "create table public.spots (shape ext.shape, size integer default 'large');",
                "select 'large'::integer, null::ext.shape;",
            ]) {
                it(`a mistake beside it is still the migration's: ${sql}`, async () => {
                    await project.admin.query(typeWithModifiers);
                    const found = await rehearsePending(project, up(sql));
                    assert.deepEqual(causeOf(found), { cause: "migration", verified: true });
                });
            }
        });

        it("code that looks for rows and refuses is not believed where the target has rows", async () => {
            await project.client.query(
                `create table public.settings (name text); insert into public.settings values ('on');
                 create table public.empty (name text); analyze public.settings, public.empty;`,
            );
            const refuse = (table: string) =>
                up(`do $$ begin
                        if not exists (select from public.${table}) then raise exception 'no settings'; end if;
                    end $$;`);
            assert.deepEqual(causeOf(await rehearsePending(project, refuse("settings"))), {
                cause: "shadow",
                verified: false,
            });
            assert.deepEqual(causeOf(await rehearsePending(project, refuse("empty"))), {
                cause: "migration",
                verified: true,
            });
        });

        it("a materialized view that is filled on the target can be read, and one that is not can not", async () => {
            await project.client.query(
                `create table public.runs (id bigint primary key);
                 create materialized view public.totals as select id from public.runs;
                 create unique index totals_id on public.totals (id);
                 create materialized view public.further as select id from public.totals;
                 create materialized view public.bare as select id from public.totals with no data;`,
            );
            const read = up(
                `refresh materialized view concurrently public.totals;
                 insert into public.runs select id from public.further;`,
            );
            const { up: trials } = await rehearsePending(project, read);
            assert.equal(trials[0]?.failure, undefined);
            const found = await rehearsePending(project, up("insert into public.runs select id from public.bare;"));
            assert.equal(found.up[0]?.failure?.code, "55000");
            assert.deepEqual(causeOf(found), { cause: "migration", verified: true });
        });

        it("a collation that this machine lacks is no fault of the migration, and one that nobody has is", async () => {
            await project.admin.query("create collation pg_catalog.\"xx_XX\" (provider = libc, locale = 'C')");
            const collated = (name: string) => up(`create table public.words (word text collate "${name}");`);
            assert.deepEqual(causeOf(await rehearsePending(project, collated("xx_XX"))), {
                cause: "shadow",
                verified: false,
            });
            assert.deepEqual(causeOf(await rehearsePending(project, collated("yy_YY"))), {
                cause: "migration",
                verified: true,
            });
        });

        for (const [what, sql] of [
            ["sleeps", "select pg_sleep(600);"],
            [
                "sleeps and has taken its own limit away",
                "do $$ begin set local statement_timeout = 0; end $$;\nselect pg_sleep(600);",
            ],
            ["loops in a DO block", "do $$ begin loop perform 1; end loop; end $$;"],
        ] as const) {
            it(`a statement that ${what} is cancelled, and neither verified nor said to fail`, async () => {
                const found = await rehearsePending(project, up(sql), { limitMs: 2000 });
                assert.deepEqual(causeOf(found), { cause: "time", verified: false });
                assert.match(
                    found.proof.words,
                    /^NOT VERIFIED: sql\/0001_change\/up\.sql:[12]: it had not ended after 2 s on the shadow and was cancelled/,
                );
            });
        }

        it("a down that sleeps is cancelled as well, and what up did is still told", async () => {
            const slow = up("create table public.things (id bigint);", "select pg_sleep(600);");
            const { up: trials } = await rehearsePending(project, slow, { limitMs: 2000 });
            assert.ok(trials[0]?.after.has("table public.things"));
            assert.equal(trials[0]?.reversal?.verdict, "not tried");
            assert.equal(trials[0]?.reversal?.failure?.cause, "time");
        });

        it("a migration that ends at its own time limit fails, as it would on the target", async () => {
            const found = await rehearsePending(project, up("-- statement-timeout: 1s\nselect pg_sleep(600);"));
            assert.deepEqual(causeOf(found), { cause: "migration", verified: true });
        });

        it("an extension that the target has not either is the migration's fault", async () => {
            const found = await rehearsePending(project, up("create extension nobody_has_it;"));
            assert.deepEqual(causeOf(found), { cause: "migration", verified: true });
        });
    });

    describe(`rows that are needed and that the target has (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let ground: TrialGround;
        before(async () => {
            cluster = await testCluster({ major });
            ground = await trialGround(
                cluster,
                `create table public.permissions (id bigint primary key, name text);
                 create table public."Roles" (role text, permission_id bigint not null references public.permissions (id));
                 create table public.none (id bigint primary key, name text);
                 create table public.of_none (role text, none_id bigint not null references public.none (id));
                 create table public.shares (role text, share float);
                 insert into public.permissions values (7, 'main');
                 insert into public."Roles" values ('first', 7);
                 analyze public.permissions, public."Roles", public.none, public.of_none, public.shares;`,
            );
        });
        after(async () => {
            await ground?.remove();
            await cluster?.stop();
        });

        const raise = (table: string) => `do $$ begin
            if not exists (select from ${table} where name = 'main') then
                raise exception 'no main' using errcode = 'check_violation';
            end if; end $$;`;
        const select = (table: string) => `(select id from ${table} where name = 'main')`;
        const block = (sql: string) => `do $$ begin ${sql} end $$;`;
        const looked = (table: string) =>
            block(
                `declare held bigint; begin select id into held from ${table}; insert into public."Roles" values ('a', held); end;`,
            );

        const assigned = (value: string) => `do $$ declare n bigint; begin n := ${value}; end $$;`;

        for (const [what, sql] of [
            ["a foreign key points at them", `insert into public."Roles" values ('admin', 7);`],
            [
                "a foreign key is made",
                `create table public.more (id bigint); insert into public.more values (7); alter table public.more add foreign key (id) references public.permissions;`,
            ],
            [
                "a query finds none of them",
                `insert into public."Roles" values ('admin', ${select("public.permissions")});`,
            ],
            [
                "a query in a DO block finds none",
                block(`insert into public."Roles" values ('admin', ${select("public.permissions")});`),
            ],
            ["a variable was to hold one", looked("public.permissions")],
            ["code refuses with a state of its own", raise("public.permissions")],
            ["code counts those of a name with capitals", raise('(select role as name from public."Roles") as r')],
            ["they are divided by", "insert into public.shares select 'a', 1 / count(*) from public.permissions;"],
            ["a variable is given what they divide", assigned("100 / (select count(*) from public.permissions)")],
            [
                "the same in lines, and of a query",
                assigned("(\nselect 1 / count(*)\nfrom public.permissions where name = 'x')"),
            ],
        ] as const) {
            it(`are not there on a shadow, which proves nothing: ${what}`, async () => {
                assert.equal(await causeIn(ground, sql), "shadow-cannot");
            });
        }

        for (const [what, sql] of [
            ["a foreign key points at them", "insert into public.of_none values ('admin', 7);"],
            ["a query finds none of them", `insert into public.of_none values ('admin', ${select("public.none")});`],
            ["a variable was to hold one", looked("public.none")],
            ["a variable is given what they divide", assigned("100 / (select count(*) from public.none)")],
            ["code refuses with a state of its own", raise("public.none")],
            ["a value is left out", `insert into public."Roles" (role) values ('admin');`],
            ["a value is left out in a DO block", block(`insert into public."Roles" (role) values ('admin');`)],
        ] as const) {
            it(`that the target has not either, or that have no say in it, are the migration's: ${what}`, async () => {
                assert.equal(await causeIn(ground, sql), "migration-fails");
            });
        }
    });
}
