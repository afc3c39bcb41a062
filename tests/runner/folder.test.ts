import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readDirectives, readWayBack } from "../../runner/migration/directives.ts";
import { readMigrations, requireStatements } from "../../runner/migration/migrationFolder.ts";
import { startRun } from "../support/sqlProject.ts";

describe("the sql folder", function () {
    this.timeout(30_000);
    let folder: string;
    let sql: string;
    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "simulation-db-folder-"));
        sql = join(folder, "sql");
        await mkdir(sql);
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    async function write(files: Record<string, string | Buffer>): Promise<void> {
        for (const [name, text] of Object.entries(files)) {
            await mkdir(dirname(join(sql, name)), { recursive: true });
            await writeFile(join(sql, name), text);
        }
    }

    /** The three files of a migration, with others in their place. */
    function trio(name: string, other: Record<string, string> = {}): Record<string, string> {
        const texts = { up: "select 1;", down: "select 1;", verify: "select 1;", ...other };
        return Object.fromEntries(Object.entries(texts).map(([part, text]) => [`${name}/${part}.sql`, text]));
    }

    async function faults(): Promise<string[]> {
        const error = await readMigrations(sql).then(
            () => assert.fail("nothing was found wrong"),
            (refused: Error) => refused,
        );
        const [first, ...lines] = error.message.split("\n");
        assert.equal(first, "the sql folder is not in order:");
        return lines.map(line => line.trim());
    }

    it("is read in order, with what else lies in it left alone", async () => {
        await write({
            ...trio("0002_second"),
            ...trio("0001_first"),
            "preconditions.sql": "select 1",
            "CONVENTIONS.md": "# Conventions",
        });
        const migrations = await readMigrations(sql);
        assert.deepEqual(
            migrations.map(({ version, slug }) => `${version}_${slug}`),
            ["0001_first", "0002_second"],
        );
    });

    it("the statements of what is applied need not be parsed again; those of the others are, in the same words", async () => {
        await write({
            ...trio("0001_first"),
            ...trio("0002_second", { up: "selec 1;" }),
            ...trio("0003_third", { down: "-- nothing\n" }),
        });
        const whole = await faults();
        assert.equal(whole.length, 2);
        const migrations = await readMigrations(sql, { statementsLater: true });
        await requireStatements({ pending: migrations.slice(0, 1), changed: [] });
        await assert.rejects(requireStatements({ pending: migrations, changed: [] }), (error: Error) => {
            assert.deepEqual(
                error.message
                    .split("\n")
                    .slice(1)
                    .map(line => line.trim()),
                whole,
            );
            return true;
        });
    });

    it("all faults are told at once also where the statements were to come later", async () => {
        await write({ ...trio("0001_first", { up: "selec 1;" }), ...trio("0003_third") });
        const whole = await faults();
        assert.equal(whole.length, 2);
        await assert.rejects(readMigrations(sql, { statementsLater: true }), (error: Error) =>
            whole.every(fault => error.message.includes(fault)),
        );
    });

    it("every fault is listed, all at once, and no database is asked for it", async () => {
        await write({
            ...trio("0001_first", { up: "-- transaktion: none\nselect 1;" }),
            ...trio("0003_third", { up: "-- only a comment\n" }),
            ...trio("0003_third_again"),
            "0004_fourth/up.sql": "select 1;",
            "0004_fourth/verify.sql": "select 1;",
            ...trio("0005_fifth", { down: "drop table x;\nselec 1;" }),
            ...trio("0006_sixth", { verify: "begin; select 1; commit;" }),
            ...trio("0007_seventh", { up: "create index concurrently a on public.b (c);" }),
            ...trio("0008_eighth", { up: "-- transaction: none\ncreate table public.a ();" }),
            ...trio("9_ninth"),
            ...trio("0010-tenth"),
            ...trio("0010_leaves", {
                up: "-- transaction: none\ndrop index concurrently public.a;",
                down: "-- archive-rows: public.a where b is null\ncreate index concurrently a on public.b (c);",
            }),
            ...trio("0009_locks", { up: "select 1;\ndo $$ begin perform pg_advisory_unlock_all(); end $$;" }),
        });
        const { code, stderr } = await startRun(folder, "migrate up", { env: { PGHOST: "127.0.0.1", PGPORT: "1" } })
            .outcome;
        assert.equal(code, 1);
        const found = await faults();
        for (const fault of found) assert.ok(stderr.includes(fault), fault);
        const expected = [
            /^sql\/0001_first\/up\.sql:1: unknown directive "transaktion"/,
            /^sql\/0003_third\/up\.sql is empty/,
            /^version 0002 is missing/,
            /^version 0003 stands twice: third and third_again/,
            /^sql\/0004_fourth\/down\.sql is missing/,
            /^sql\/0005_fifth\/down\.sql:2: syntax error at or near "selec"/,
            /^sql\/0006_sixth\/verify\.sql:1: begin, commit and rollback/,
            /^sql\/0007_seventh\/up\.sql:1: concurrently needs the directive/,
            /^sql\/0008_eighth\/up\.sql:2: with "transaction: none" only/,
            /^sql\/0009_locks\/up\.sql:2: pg_advisory_unlock_all would free the lock/,
            /^sql\/0010_leaves\/down\.sql: "archive-rows" needs a transaction/,
            /^sql\/9_ninth is not the name of a migration/,
            /^sql\/0010-tenth is not the name of a migration/,
        ];
        for (const fault of expected)
            assert.equal(found.filter(line => fault.test(line)).length, 1, `${fault} in\n${found.join("\n")}`);
        assert.equal(found.length, expected.length, found.join("\n"));
    });

    it("what takes the runner's timeouts off is refused where it is about to run, or in a file that can still be changed", async () => {
        const setsItsOwn =
            "create function public.slow() returns void language sql set statement_timeout = '1h' as '';\nalter role anon set lock_timeout = '1s';";
        const ups = [
            "select 1;\nSET Lock_Timeout = 0;",
            "select 1, pg_catalog.set_config('lock_timeout', '0', true);",
            "select set_config('statement_timeout', null, true);",
            "reset lock_timeout;",
            "set local statement_timeout to default;",
            "reset all;",
            // These take none off.
            setsItsOwn,
            "set lock_timeout = '2s'; select set_config('statement_timeout', '30min', true); reset search_path;",
            "-- imported: 20250101000000_a.sql\nset statement_timeout = 0;\nreset all;",
        ];
        const off = "set local statement_timeout = '0ms';";
        await write(
            Object.assign(
                {},
                ...ups.map((up, index) => trio(`000${index + 1}_up`, { up })),
                trio("0010_files", { up: off, down: off, verify: "select 1;" }),
                trio("0011_files", { verify: "reset lock_timeout;" }),
            ),
        );
        // What is applied as it stands is not held to a rule that may have come after it.
        const migrations = await readMigrations(sql);
        const refused = async (chain: Parameters<typeof requireStatements>[0]) => {
            const error = await requireStatements(chain).then(
                () => assert.fail("nothing was found wrong"),
                (thrown: Error) => thrown,
            );
            return error.message
                .split("\n")
                .slice(1)
                .map(line => line.trim());
        };
        const without = (timeout: string, part = "up") =>
            `without a ${timeout}_timeout others may wait for it without end: leave that out, or say "-- ${timeout}-timeout: 5s" at the head of ${part}.sql`;
        assert.deepEqual(await refused({ pending: migrations, changed: [] }), [
            `sql/0001_up/up.sql:2: ${without("lock")}`,
            `sql/0002_up/up.sql:1: ${without("lock")}`,
            `sql/0003_up/up.sql:1: ${without("statement")}`,
            `sql/0004_up/up.sql:1: ${without("lock")}`,
            `sql/0005_up/up.sql:1: ${without("statement")}`,
            `sql/0006_up/up.sql:1: ${without("lock")}`,
            `sql/0010_files/up.sql:1: ${without("statement")}`,
            `sql/0011_files/verify.sql:1: ${without("lock")}`,
        ]);
        assert.deepEqual(await refused({ pending: [], changed: migrations }), [
            `sql/0010_files/down.sql:1: ${without("statement", "down")}`,
            `sql/0011_files/verify.sql:1: ${without("lock")}`,
        ]);
    });

    it("a repeated version is seen behind a gap as well", async () => {
        await write({ ...trio("0001_a"), ...trio("0003_b"), ...trio("0003_c"), ...trio("0006_d") });
        const said = (await faults()).map(fault => fault.replace(/ \(only .*/, ""));
        assert.deepEqual(said, [
            "version 0002 is missing: the next one is 0003_b",
            "version 0003 stands twice: b and c (give the one that is applied nowhere the next number: npm run new -- --renumber 0003_c)",
            "version 0004 is missing: the next one is 0006_d",
        ]);
    });

    it("a folder that is not there is named", async () => {
        await rm(sql, { recursive: true });
        await assert.rejects(readMigrations(sql), /there is no folder .*sql: the migrations are read from it/);
    });

    it("a file that is not UTF-8 is refused, instead of storing other letters than it holds", async () => {
        await write({ ...trio("0001_first"), "0001_first/up.sql": Buffer.from("select 'Größe';", "latin1") });
        assert.deepEqual(await faults(), ["sql/0001_first/up.sql is not UTF-8: save it with that encoding"]);
    });

    it("the runner's own marks may not stand in a file", async () => {
        await write(trio("0001_first", { up: "select 1;\n-- file: down.sql\nselect 2;" }));
        assert.match((await faults())[0] ?? "", /up\.sql holds a line "-- file: …"/);
    });

    it("an empty down is for a migration that says why it is irreversible", async () => {
        await write(trio("0001_first", { up: "-- irreversible: the mail is sent\nselect 1;", down: "" }));
        assert.equal((await readMigrations(sql)).length, 1);
        await write(trio("0001_first", { up: "select 1;", down: "" }));
        assert.match((await faults())[0] ?? "", /down\.sql is empty/);
    });

    describe("its directives", () => {
        const read = (head: string) => readDirectives(`${head}\nselect 1;`, "up.sql");

        it("are read from the head of up.sql", () => {
            assert.deepEqual(
                read(
                    "-- transaction: none\n-- What it does.\n\n-- lock-timeout: 2s\n-- statement-timeout: 30min\n-- allow-destructive: nobody reads it",
                ),
                {
                    transactional: false,
                    lockTimeoutMs: 2000,
                    statementTimeoutMs: 1_800_000,
                    allowed: { destructive: "nobody reads it" },
                },
            );
            assert.deepEqual(read("-- Just words."), { transactional: true });
        });

        for (const [head, words] of [
            ["-- lock-timout: 1s", /up\.sql:1: unknown directive "lock-timout"/],
            ["-- lock-timeout: 1s\n-- lock-timeout: 2s", /up\.sql:2: .*stands here twice/],
            ["-- lock-timeout:", /up\.sql:1: .*has no value/],
            ["-- lock-timeout: 0s", /is not a duration/],
            ["-- lock-timeout: soon", /is not a duration; write for example 300ms/],
            ["-- lock-timeout: 99999999min", /is longer than PostgreSQL can wait/],
            ["-- transaction: never", /the only value is "none"/],
            ["-- Lock-Timeout: 1s", /up\.sql:1: .*small letters/],
            ["   -- transactio: none", /up\.sql:1: unknown directive/],
        ] as const) {
            it(`${JSON.stringify(head)} is refused`, () => {
                assert.throws(() => read(head), words);
            });
        }

        it("of down.sql may be other timeouts, which hold for the way back alone", () => {
            const back = (down: string) =>
                readWayBack({
                    ...{ version: "0001", slug: "one", verify: "" },
                    ...{ up: "-- transaction: none\n-- lock-timeout: 2s\n-- statement-timeout: 1min", down },
                });
            const asInUp = { transactional: false, lockTimeoutMs: 2000, statementTimeoutMs: 60_000 };
            assert.deepEqual(back("select 1;"), asInUp);
            assert.deepEqual(back("-- statement-timeout: 30min\nselect 1;"), {
                ...asInUp,
                statementTimeoutMs: 1_800_000,
            });
            const twice = "-- lock-timeout: 1s\n-- lock-timeout: 3s\nselect 1;";
            assert.throws(() => back(twice), /0001_one\/down\.sql:2: the directive "lock-timeout" stands here twice/);
        });

        it("below the head are refused: they would be passed over", () => {
            assert.throws(
                () => readDirectives("select 1;\n-- transaction: none\nselect 2;", "up.sql"),
                /up\.sql:2: .*head/,
            );
        });
    });
});
