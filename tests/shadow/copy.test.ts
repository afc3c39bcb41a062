import assert from "node:assert/strict";
import { runScript } from "../../preview/shadow/copy.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const script = (...statements: string[]) => ({ by: "pg_dump", statements, notes: [] }) as const;
const raising = (state: string) =>
    `do $$ begin raise exception 'as the server would' using errcode = '${state}'; end $$`;

describe("a script that fills the shadow", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15 });
        project = await sqlProject(cluster);
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
    });

    it("goes on without what the server refuses, and tells it", async () => {
        const refused = await runScript(
            project.client,
            script(
                "create table public.one ()",
                "create table public.two (a no_such_type)",
                "create table public.three ()",
            ),
        );
        assert.deepEqual(refused, [
            { statement: "create table public.two (a no_such_type)", message: 'type "no_such_type" does not exist' },
        ]);
        const { rows } = await project.client.query(
            "select relname as name from pg_class where relnamespace = 'public'::regnamespace order by 1",
        );
        const names = rows.map(({ name }) => name as string);
        assert.deepEqual(
            ["one", "two", "three"].filter(name => names.includes(name)),
            ["one", "three"],
        );
    });

    for (const [state, what] of [
        ["53100", "the disk is full"],
        ["57P01", "the server is told to end"],
        ["58030", "a file cannot be written"],
    ] as const) {
        it(`stops where ${what}: a part would be taken for the whole, and kept`, async () => {
            await assert.rejects(runScript(project.client, script("select 1", raising(state))), /as the server would/);
        });
    }
});
