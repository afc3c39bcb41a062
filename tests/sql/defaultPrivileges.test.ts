import assert from "node:assert/strict";
import { type Ground, grounds, makeGround, titleOf } from "./ground.ts";
import { ada, anon, forbidden, postgres, scene } from "./scene.ts";

for (const kind of grounds) {
    describe(`what postgres creates in public (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
        });
        after(() => ground?.stop());

        /** Privileges that new objects are born with, by kind of object and role; PUBLIC is "-". */
        const born = async () => {
            const lines: string[] = [];
            await scene(ground, async say => {
                await say(
                    postgres,
                    `create table public.new_table (id bigint);
                     create sequence public.new_sequence;
                     create function public.new_function() returns integer language sql as 'select 1';
                     create procedure public.new_procedure() language sql as ''`,
                );
                const { rows } = await say(
                    postgres,
                    `select kind || ' ' || acl.grantee::regrole || ' ' || string_agg(privilege_type, ' ' order by privilege_type) as line
                     from (
                         select relname as kind, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)) as acl
                         from pg_class where relname in ('new_table', 'new_sequence')
                         union all
                         select proname, coalesce(proacl, acldefault('f', proowner))
                         from pg_proc where proname in ('new_function', 'new_procedure')
                     ) as made
                     cross join aclexplode(made.acl) as acl
                     group by kind, acl.grantee order by 1`,
                );
                lines.push(...rows.map(({ line }) => line));
            });
            return lines;
        };

        it("is closed to anon and PUBLIC after up, the same as before for all others, and as before after down", async () => {
            const before = await born();
            assert.ok(before.some(line => / anon | - /.test(line)));
            await ground.up("0002");
            assert.deepEqual(
                await born(),
                before.filter(line => !/ anon | - /.test(line)),
            );
            await ground.down("0002");
            assert.deepEqual(await born(), before);
        });

        it("cannot be emptied, counted or called by anon after up", async () => {
            await ground.up("0002");
            await scene(ground, async say => {
                await say(
                    postgres,
                    `create table public.new_table (id bigint);
                     create sequence public.new_sequence;
                     create function public.new_function() returns integer language sql as 'select 1';
                     grant select on public.new_table to authenticated`,
                );
                await assert.rejects(say(anon, "truncate public.new_table"), forbidden);
                await assert.rejects(say(anon, "select from public.new_table"), forbidden);
                await assert.rejects(say(anon, "select setval('public.new_sequence', 7)"), forbidden);
                await assert.rejects(say(anon, "select public.new_function()"), forbidden);
                await say(ada, "select from public.new_table");
            });
            await ground.down("0001");
        });
    });
}
