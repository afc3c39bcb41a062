import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PromotionRecord } from "../../runner/promotion/record.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const keys = generateKeyPairSync("ed25519");
const secret = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const open = keys.publicKey.export({ type: "spki", format: "der" }).toString("base64");
const otherKey = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }).toString("base64");

for (const major of [15, 17] as const) {
    describe(`the record of what has run in a stack (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
            await project.write({ "0001_one": {}, "0002_two": {} });
            await project.must("migrate up");
        });
        afterEach(() => project?.remove());

        const env = { SIMULATION_DB_STACK: "simulation-db/staging" };
        const nowhere = { PGHOST: "nowhere.invalid" };
        const file = () => join(project.folder, ".local/promotion/staging.json");
        const read = async () => JSON.parse(await readFile(file(), "utf8")) as PromotionRecord;
        const check = (options = "") =>
            project.run(`promotion check --from staging ${options}`.trim(), { env: nowhere });

        it("says that all have run, and that is checked without a database", async () => {
            const made = await project.must("promotion make", { env });
            assert.match(made.stdout, /2 migrations have run in simulation-db\/staging \(not signed\)/);
            const { code, output } = await check();
            assert.equal(code, 0, output);
            assert.match(output, /all migrations have run in staging/);
        });

        it("a migration that has not run there is named, and so is one whose up.sql has changed since", async () => {
            await project.must("promotion make", { env });
            await project.write({ "0001_one": {}, "0002_two": { up: "select 1;" }, "0003_three": {} });
            const { code, output } = await check();
            assert.equal(code, 1);
            assert.match(output, /0002_two: staging has run another up\.sql under this number/);
            assert.match(output, /0003_three: was not applied in staging by 20/);
            assert.match(output, /→ run them there first: npm run up -- -s staging/);
        });

        it("one that was rolled back, and one that a person marked as applied, has not run", async () => {
            await project.must("migrate down");
            await project.must('repair applied 0002 --reason "by-hand"', { env });
            await project.must("promotion make", { env });
            assert.deepEqual(
                (await read()).migrations.map(({ version }) => version),
                ["0001"],
            );
        });

        it("a signed one is known by the key, and a changed one is not", async () => {
            await project.must("promotion make", { env: { ...env, SIMULATION_DB_PROMOTION_KEY: secret } });
            assert.equal((await check(`--key ${open}`)).code, 0);
            const other = await check(`--key ${otherKey}`);
            assert.equal(other.code, 1);
            assert.match(other.output, /is not signed with the key of promotionKey, or was changed since/);
            const record = await read();
            const forged = {
                ...record,
                migrations: [...record.migrations, { ...record.migrations[0], version: "0003" }],
            };
            await writeFile(file(), JSON.stringify(forged));
            assert.equal((await check(`--key ${open}`)).code, 1);
        });

        it("an unsigned one, another stack's, a damaged and a missing one are refused where a key is asked for", async () => {
            await project.must("promotion make", { env });
            assert.match((await check(`--key ${open}`)).output, /is not signed, or was changed since/);
            await writeFile(file(), JSON.stringify({ ...(await read()), stack: "simulation-db/qa" }));
            assert.match(
                (await check()).output,
                /is the record of simulation-db\/qa, and simulation-db\/staging is asked for/,
            );
            await writeFile(file(), '{"format": 1}');
            assert.match((await check()).output, /is no promotion record that this version can read/);
            assert.match(
                (await check("--record gone.json")).output,
                /there is no record of simulation-db\/staging: gone\.json is missing/,
            );
        });

        it("a key that is none is an error that does not repeat it", async () => {
            const env = { SIMULATION_DB_PROMOTION_KEY: "opensesame" };
            const { code, output } = await project.run("promotion make", { env });
            assert.equal(code, 1);
            assert.match(output, /SIMULATION_DB_PROMOTION_KEY is no Ed25519 private key/);
            assert.doesNotMatch(output, /opensesame/);
        });
    });
}
