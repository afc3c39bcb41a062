import assert from "node:assert/strict";
import { splitStatements } from "../../runner/migration/statements.ts";
import { cutStatements } from "../../runner/migration/statementTexts.ts";
import { readOwnMigrations } from "../sql/own.ts";

/** What could be taken for the end of a statement, or hide it. */
const hard: Readonly<Record<string, string>> = {
    "strings and identifiers": `select 'a;b', 'it''s; fine', "odd;name", "odd"";name" from t; select E'\\';', e'it''s\\\\'; select 1`,
    "unicode strings and others with a prefix": `select U&'d;\\0061t', B'1', x'1F', date'2020-01-01', N'a;b'; select 2`,
    "dollar quotes": "select $$a;b$$, $tag$ $$;$$ $other$ ; $tag$, $ä$;$ä$; do $$ begin perform 1; end $$; select 3",
    "a dollar inside a name and parameters": "select a$b, c$$d from t; prepare p as select $1; select 4",
    comments: "-- one; two\nselect 1; /* a; /* nested; */ b; */ select /* ' */ 2; select -- '\n 3;\n-- the end;",
    "an operator that looks like a comment": "select 5 - -1, 4 */*c*/ 2; select 6",
    "a rule of several statements":
        "create rule r as on insert to t do also (insert into a values (1); delete from b); select 7",
    "bodies of begin atomic":
        "create function f(a int) returns int language sql begin atomic\n select case when a > 0 then 1 else (select case 1 when 2 then 3 end) end; select 2; end; select 8",
    "begin and end that are none": 'select "begin", 1 as "end" from atomic; select case when true then 1 end; select 9',
    "nothing but comments and semicolons": ";; -- a\n ; /* b */ ;",
};

describe("cutting statements for Supabase's ledger", () => {
    for (const [title, sql] of Object.entries(hard)) {
        it(`agrees with PostgreSQL's parser on ${title}`, () => agrees(sql));
    }

    it("agrees with PostgreSQL's parser on every migration of the project", async () => {
        for (const migration of await readOwnMigrations()) {
            await agrees(migration.up);
            await agrees(migration.down);
        }
    });

    it("cuts a text of many thousand statements without going through it again for each, and knows its lines", async function () {
        this.timeout(20_000);
        const one = "-- why: ü\ninsert into public.t values ('a;b');\n";
        const statements = await splitStatements(one.repeat(30_000), "a.sql");
        assert.equal(statements.length, 30_000);
        assert.deepEqual(
            statements.filter(({ line }, index) => line !== 2 * index + 2),
            [],
        );
    });

    it("finds nothing in nothing", () => assert.deepEqual(cutStatements(""), []));

    it("keeps the comments before a statement with it, and leaves the semicolon out", () => {
        assert.deepEqual(cutStatements("-- why\nselect 1 ;\n\n/* and */ select 2;\n-- the end\n"), [
            "-- why\nselect 1",
            "/* and */ select 2",
        ]);
    });
});

async function agrees(sql: string): Promise<void> {
    const parsed = (await splitStatements(sql, "a.sql")).map(({ text }) => bare(text));
    assert.deepEqual(cutStatements(sql).map(bare), parsed);
}

/** Both keep some of the comments before a statement. */
function bare(text: string): string {
    return text.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*(?:\/\*.*?\*\/|.)*?\*\/)*/s, "").trim();
}
