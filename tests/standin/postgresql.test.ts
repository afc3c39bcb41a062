import assert from "node:assert/strict";
import pg from "pg";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Outcome, PLUGINS, type Program, type StoredResource, withProgram } from "../support/engine.ts";

/** Declares the resources of `resources.json` one after the other, as a user who is no superuser. */
const INDEX = `
import { readFileSync } from "node:fs";
import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";

const provider = new postgresql.Provider("server", { superuser: false, sslmode: "disable" });
let before = [];
for (const [name, { type, imported, ...args }] of Object.entries(JSON.parse(readFileSync("resources.json", "utf8")))) {
    if (args.password) args.password = pulumi.secret(args.password);
    before = [new postgresql[type](name, args, { provider, dependsOn: before, import: imported })];
}
`;

type Resources = Record<string, { type: string } & Record<string, unknown>>;

const AT = { database: "postgres", schema: "contract" };

const ROLES: Resources = {
    reader: { type: "Role", name: "contract_reader" },
    other: { type: "Role", name: "contract_other" },
    service: {
        type: "Role",
        name: 'contract "service"',
        login: true,
        password: "it's a\\secret",
        roles: ["contract_reader"],
        searchPaths: ["contract", "public"],
        statementTimeout: 1500,
        connectionLimit: 3,
    },
};

const SERVICE = 'contract "service"';

const GRANTS: Resources = {
    usage: { type: "Grant", ...AT, role: "contract_reader", objectType: "schema", privileges: ["USAGE"] },
    database: { type: "Grant", database: "postgres", role: SERVICE, objectType: "database", privileges: ["CREATE"] },
    one: { type: "Grant", ...AT, role: SERVICE, objectType: "table", objects: ["a"], privileges: ["SELECT", "INSERT"] },
    all: { type: "Grant", ...AT, role: "contract_reader", objectType: "table", privileges: ["SELECT"] },
    sequences: { type: "Grant", ...AT, role: SERVICE, objectType: "sequence", objects: [], privileges: ["USAGE"] },
    function: {
        type: "Grant",
        ...AT,
        role: SERVICE,
        objectType: "function",
        objects: ["f(int)"],
        privileges: ["EXECUTE"],
    },
    column: {
        type: "Grant",
        ...AT,
        role: "contract_other",
        objectType: "column",
        objects: ["a"],
        columns: ["name"],
        privileges: ["UPDATE"],
    },
    future: {
        type: "DefaultPrivileges",
        ...AT,
        role: "contract_reader",
        owner: "postgres",
        objectType: "table",
        privileges: ["SELECT"],
    },
    nobody: {
        type: "DefaultPrivileges",
        ...AT,
        role: "anon",
        owner: "postgres",
        objectType: "sequence",
        privileges: [],
    },
    everybody: {
        type: "DefaultPrivileges",
        database: "postgres",
        role: "public",
        owner: "postgres",
        objectType: "function",
        privileges: [],
    },
};

for (const major of [15, 17] as const) {
    describe(`postgresql:index of the ${PLUGINS} plugin on PostgreSQL ${major}`, function () {
        this.timeout(240_000);

        let cluster: TestCluster;
        let sql: pg.Client;
        let program: Program;

        before(async () => {
            cluster = await testCluster({ major });
            sql = new pg.Client(cluster.connection);
            await sql.connect();
            await sql.query(`
                create schema contract;
                create table contract.a (id int, name text);
                create table contract.b (id int);
                create sequence contract.s;
                create function contract.f(int) returns int language sql as 'select 1';
                create function contract.f(text) returns int language sql as 'select 1';
                alter default privileges in schema contract grant usage on sequences to anon`);
            program = await withProgram({ "index.js": INDEX }, { environment: cluster.environment });
        });
        after(async () => {
            await sql?.end();
            await cluster?.stop();
            await program?.remove();
        });

        const declare = (resources: Resources) => program.write({ "resources.json": JSON.stringify(resources) });

        const succeed = async (step: Promise<Outcome>): Promise<string> => {
            const { code, output } = await step;
            assert.equal(code, 0, output);
            return output;
        };

        const stored = async (): Promise<Record<string, StoredResource>> =>
            Object.fromEntries((await program.state()).map(resource => [resource.urn.split("::").at(-1), resource]));

        /** One column of one query as a list of texts. */
        const list = async (query: string, ...values: unknown[]): Promise<string[]> => {
            const { rows } = await sql.query({ text: query, values, rowMode: "array" });
            return rows.map(([value]) => String(value));
        };

        const granted = (relation: string, role: string) =>
            list(
                `select privilege_type from pg_class, aclexplode(relacl) join pg_roles r on r.oid = grantee
                 where pg_class.oid = $1::regclass and rolname = $2 order by 1`,
                relation,
                role,
            );

        /** The default privileges of a role in the schema. */
        const defaults = (role: string) =>
            list(
                `select privilege_type from pg_default_acl, aclexplode(defaclacl) join pg_roles r on r.oid = grantee
                 where defaclnamespace = 'contract'::regnamespace and rolname = $1`,
                role,
            );

        const memberships = (role: string) =>
            list(
                "select roleid::regrole from pg_auth_members where pg_get_userbyid(member) = $1 order by 1::text",
                role,
            );

        describe("create", () => {
            let resources: Record<string, StoredResource>;

            it("everything is made as a user who is no superuser, and a second preview is empty", async () => {
                assert.deepEqual(await defaults("anon"), ["USAGE"]);
                await declare({ ...ROLES, ...GRANTS });
                assert.match(await succeed(program.preview()), /15 to create/);
                assert.deepEqual(await list("select rolname from pg_roles where rolname like 'contract%'"), []);
                await succeed(program.up());
                resources = await stored();
                assert.match(await succeed(program.preview()), /15 unchanged/);
            });

            it("a role has its attributes, the official defaults, its settings and its memberships", async () => {
                const { rows } = await sql.query(
                    `select rolcanlogin, rolinherit, rolcreatedb, rolcreaterole, rolbypassrls, rolconnlimit, rolconfig
                     from pg_roles where rolname in ($1, 'contract_reader') order by rolcanlogin`,
                    [SERVICE],
                );
                const plain = { rolinherit: true, rolcreatedb: false, rolcreaterole: false, rolbypassrls: false };
                assert.deepEqual(rows, [
                    { ...plain, rolcanlogin: false, rolconnlimit: -1, rolconfig: null },
                    {
                        ...plain,
                        rolcanlogin: true,
                        rolconnlimit: 3,
                        rolconfig: ["search_path=contract, public", "statement_timeout=1500"],
                    },
                ]);
                assert.deepEqual(await memberships(SERVICE), ["contract_reader"]);
            });

            it("the password works and is secret in the state; the provider's own is not in the state at all", async () => {
                const login = new pg.Client({ ...cluster.connection, user: SERVICE, password: "it's a\\secret" });
                await login.connect();
                await login.end();
                const state = await program.stateText();
                assert.doesNotMatch(state, /a\\\\+secret/);
                assert.ok(!state.includes(String(cluster.connection.password)));
            });

            it("each grant gives what it names where it says, and all objects where it names none", async () => {
                assert.deepEqual(await granted("contract.a", SERVICE), ["INSERT", "SELECT"]);
                assert.deepEqual(await granted("contract.b", SERVICE), []);
                assert.deepEqual(await granted("contract.a", "contract_reader"), ["SELECT"]);
                assert.deepEqual(await granted("contract.b", "contract_reader"), ["SELECT"]);
                assert.deepEqual(await granted("contract.s", SERVICE), ["USAGE"]);
                assert.deepEqual(await list("select has_schema_privilege('contract_reader', 'contract', 'usage')"), [
                    "true",
                ]);
                assert.deepEqual(await list("select has_database_privilege($1, 'postgres', 'create')", SERVICE), [
                    "true",
                ]);
                assert.deepEqual(
                    await list(
                        "select has_column_privilege('contract_other', 'contract.a', c, 'update') from unnest('{id,name}'::text[]) c",
                    ),
                    ["false", "true"],
                );
                const acls = await list(
                    "select coalesce(proacl::text, '') like '%contract%' from pg_proc where pronamespace = 'contract'::regnamespace order by oid",
                );
                assert.deepEqual(acls, ["true", "false"]);
            });

            it("default privileges hold for new objects; an empty list takes them away, from everybody too", async () => {
                await sql.query(
                    "create table contract.later (id int); create function contract.later() returns int language sql as 'select 1'",
                );
                assert.deepEqual(await granted("contract.later", "contract_reader"), ["SELECT"]);
                assert.deepEqual(
                    await list(`select has_function_privilege($1, 'contract.later()', 'execute')`, SERVICE),
                    ["false"],
                );
                assert.deepEqual(await defaults("anon"), []);
            });

            it("ids and stored outputs are those of the official plugin", () => {
                assert.equal(resources.reader?.id, "contract_reader");
                assert.equal(resources.all?.id, "contract_reader_postgres_contract_table");
                assert.equal(resources.database?.id, `${SERVICE}_postgres_database`);
                assert.equal(resources.future?.id, "contract_reader_postgres_contract_postgres_table");
                assert.equal(resources.everybody?.id, "public_postgres_noschema_postgres_function");
                assert.equal(resources.reader?.outputs.inherit, true);
                assert.equal(resources.reader?.outputs.validUntil, "infinity");
                assert.equal(resources.all?.outputs.withGrantOption, false);
            });
        });

        describe("update", () => {
            const changed: Resources = {
                ...ROLES,
                service: { ...ROLES.service, type: "Role", connectionLimit: 7, statementTimeout: 0 },
                ...GRANTS,
                one: { ...GRANTS.one, type: "Grant", privileges: ["SELECT"] },
                all: { ...GRANTS.all, type: "Grant", objects: ["b"] },
            };

            before(async () => {
                await sql.query(`
                    grant anon to "contract ""service""";
                    revoke select on contract.b from contract_reader;
                    grant update on contract.a to "contract ""service"""`);
            });

            it("what others change shows only after a refresh", async () => {
                assert.match(await succeed(program.preview()), /15 unchanged/);
                await succeed(program.refresh());
                const preview = await succeed(program.preview());
                assert.match(preview, /~.*Role service.*roles/);
                assert.match(preview, /~.*Grant one.*privileges/);
                assert.match(preview, /~.*Grant all.*privileges/);
                assert.match(preview, /3 to update/);
            });

            it("changed privileges are given in place; any other change of a grant replaces it, the old one first", async () => {
                await declare(changed);
                const up = await succeed(program.up());
                assert.match(up, /Grant one updated/);
                assert.match(up, /Grant all deleted original[\s\S]*Grant all created replacement/);
                assert.deepEqual(await granted("contract.b", "contract_reader"), ["SELECT"]);
                assert.deepEqual(await granted("contract.a", "contract_reader"), []);
                assert.deepEqual(await granted("contract.a", SERVICE), ["SELECT"]);
            });

            it("an update of a role takes every membership away that is not among its roles", async () => {
                assert.deepEqual(await memberships(SERVICE), ["contract_reader"]);
                const [limit] = await list("select rolconnlimit from pg_roles where rolname = $1", SERVICE);
                assert.equal(limit, "7");
                const config = await list("select unnest(rolconfig) from pg_roles where rolname = $1", SERVICE);
                assert.deepEqual(config, ["search_path=contract, public"]);
            });
        });

        describe("import", () => {
            const found: Resources = { found: { type: "Role", name: "contract_found", login: true } };

            before(async () => {
                await sql.query("create role contract_found login connection limit 4");
                await succeed(program.destroy());
            });
            after(async () => {
                await declare({ ...ROLES, ...GRANTS });
                await succeed(program.up());
            });

            it("a role that is there is taken over as it is, when the program says the same", async () => {
                const wanted = { ...found.found, connectionLimit: 4, imported: "contract_found" };
                await declare({ found: { type: "Role", ...wanted } });
                assert.match(await succeed(program.up()), /= .*Role found import/);
                assert.deepEqual(await list("select rolconnlimit from pg_roles where rolname = 'contract_found'"), [
                    "4",
                ]);
                assert.match(await succeed(program.preview()), /unchanged/);
            });

            it("a role that is there and differs is taken over and becomes what the program says", async () => {
                await sql.query("create role contract_other login connection limit 4");
                await declare({ other: { type: "Role", name: "contract_other", imported: "contract_other" } });
                await succeed(program.up());
                assert.match(await succeed(program.preview()), /unchanged/);
                assert.deepEqual(
                    await list(
                        "select rolcanlogin || ' ' || rolconnlimit from pg_roles where rolname = 'contract_other'",
                    ),
                    ["false -1"],
                );
            });
        });

        describe("delete", () => {
            it("a wrong password fails with 28P01 and changes nothing", async () => {
                const { PGPASSWORD = "" } = program.environment;
                program.environment.PGPASSWORD = "wrong";
                const { code, output } = await program.destroy();
                program.environment.PGPASSWORD = PGPASSWORD;
                assert.notEqual(code, 0);
                assert.match(output, /28P01/);
                assert.equal(Object.keys(await stored()).length, 13);
            });

            it("grants and roles go and take nothing else along: what a role owned goes to the user of the provider", async () => {
                await sql.query(`
                    grant "contract ""service""" to postgres;
                    grant create on schema contract to "contract ""service""";
                    set role "contract ""service""";
                    create table contract.owned (id int);
                    reset role`);
                await succeed(program.destroy());
                assert.deepEqual(await stored(), {});
                assert.deepEqual(await list("select rolname from pg_roles where rolname like 'contract%'"), []);
                // What an empty list took away is not given back.
                assert.deepEqual(await defaults("anon"), []);
                assert.deepEqual(await list("select tableowner from pg_tables where tablename = 'owned'"), [
                    "postgres",
                ]);
                assert.deepEqual(await list("select relacl::text from pg_class where oid = 'contract.b'::regclass"), [
                    "{postgres=arwdDxt/postgres}".replace("t/", major === 17 ? "tm/" : "t/"),
                ]);
            });
        });
    });
}

(PLUGINS === "official" ? describe.skip : describe)("what only the official postgresql plugin does", function () {
    this.timeout(120_000);

    const refused = async (resource: string, environment: Record<string, string>): Promise<string> => {
        const source = `
            import * as postgresql from "@pulumi/postgresql";
            const provider = new postgresql.Provider("server", { superuser: false });
            new postgresql.${resource};`;
        const program = await withProgram({ "index.js": source }, { environment });
        try {
            const { code, output } = await program.preview();
            assert.notEqual(code, 0, output);
            assert.match(output, /pulumi plugin install resource postgresql 3\.18\.0/);
            return output;
        } finally {
            await program.remove();
        }
    };

    it("is refused in the preview by name, with the way to get that plugin", async () => {
        const schema = `Schema("s", { name: "s" }, { provider })`;
        const output = await refused(schema, { PGHOST: "localhost" });
        assert.match(output, /does not know resources of type postgresql:index\/schema:Schema/);
    });

    it("is refused for a host that is not this machine", async () => {
        const role = `Role("r", { name: "r" }, { provider })`;
        assert.match(await refused(role, { PGHOST: "db.example.com" }), /host is db\.example\.com/);
    });
});
