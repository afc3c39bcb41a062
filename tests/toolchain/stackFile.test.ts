import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { configKeys } from "../../configKeys.ts";
import { UserError } from "../../runner/userError.ts";
import { readStackFile } from "../../toolchain/stackFile.ts";
import { unfilled } from "../support/stackFiles.ts";
import { inScratch, put } from "./scratch.ts";

const root = join(import.meta.dirname, "../..");

/** A stack that is ready, as YAML: the tests change one thing in it. */
const ready = `config:
  simulation-db:databaseHost: db.example.org
  simulation-db:storageUrl: https://example.org
`;

function putStack(folder: string, stack: string, name = "dev"): void {
    cpSync(join(root, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    put(join(folder, `Pulumi.${name}.yaml`), stack);
}

/** The faults that are told of a stack's file, one line each. */
function faultsOf(folder: string, name = "dev"): string[] {
    try {
        readStackFile(folder, name);
        return [];
    } catch (error) {
        assert.ok(error instanceof UserError);
        const [first, ...faults] = error.message.split("\n");
        assert.equal(first, `Pulumi.${name}.yaml is not ready:`);
        return faults.map(fault => fault.trim());
    }
}

describe("a stack's file", () => {
    it("says whether the database is the local one, and of which shape", () =>
        inScratch(async folder => {
            putStack(
                folder,
                `config:
  simulation-db:databaseHost: embedded
  simulation-db:storageUrl: embedded
  simulation-db:embeddedMajor: "17"
  simulation-db:embeddedDefaultPrivileges: closed
  simulation-db:embeddedSimulationRuns: extended
`,
            );
            const { values: _, ...stack } = readStackFile(folder, "dev");
            assert.deepEqual(stack, {
                name: "dev",
                embedded: true,
                major: 17,
                shape: { defaultPrivileges: "closed", simulationRuns: "extended" },
                place: {},
            });
        }));

    it("leaves what it does not say to the project file, and its keys need not carry the project's name", () =>
        inScratch(async folder => {
            putStack(folder, "config:\n  databaseHost: db.example.org\n  storageUrl: https://example.org\n");
            const stack = readStackFile(folder, "org/simulation-db/dev");
            assert.equal(stack.name, "org/simulation-db/dev");
            assert.deepEqual(stack.place, {
                PGHOST: "db.example.org",
                PGPORT: "5432",
                PGDATABASE: "postgres",
                PGUSER: "postgres",
                PGSSLMODE: "verify-full",
                SUPABASE_URL: "https://example.org",
            });
            assert.equal(stack.values.backupKeep, 10);
            assert.equal(stack.values.archive, true);
        }));

    it("of a new environment is a copy of another one's, and nothing else", () =>
        inScratch(async folder => {
            putStack(folder, ready, "staging");
            cpSync(join(folder, "Pulumi.staging.yaml"), join(folder, "Pulumi.qa.yaml"));
            assert.deepEqual(readStackFile(folder, "qa"), { ...readStackFile(folder, "staging"), name: "qa" });
        }));

    it("that misses or misspells a key is told the nearest one and what it may be", () =>
        inScratch(async folder => {
            putStack(
                folder,
                "config:\n  simulation-db:databaseHots: db.example.org\n  simulation-db:bakup: required\n",
            );
            assert.deepEqual(faultsOf(folder), [
                "simulation-db:databaseHots is no key of this project (did you mean databaseHost?): a host name, or embedded is needed",
                "simulation-db:bakup is no key of this project (did you mean backup?): allowed are required, optional, off",
                "simulation-db:databaseHost is missing: a host name, or embedded is needed",
                "simulation-db:storageUrl is missing: an address that begins with https://, or embedded is needed",
            ]);
        }));

    it("with a key that is like none is told all there are", () =>
        inScratch(async folder => {
            putStack(folder, `${ready}  simulation-db:colour: blue\n`);
            assert.deepEqual(faultsOf(folder), [
                `simulation-db:colour is no key of this project: known are ${Object.keys(configKeys).join(", ")}`,
            ]);
        }));

    it("with the project's name misspelt is told so; other namespaces are other people's", () =>
        inScratch(async folder => {
            putStack(
                folder,
                `${ready}  simulation_db:drift: stop\n  pulumi:tags: {a: b}\n  acme-policies:drift: yes\n`,
            );
            assert.deepEqual(faultsOf(folder), ["simulation-db:drift is written simulation_db:drift there"]);
        }));

    for (const [key, value, fault] of [
        ["backup", "requird", 'is "requird" (did you mean required?): allowed are required, optional, off'],
        ["gates", "loose", 'is "loose": allowed are default, strict'],
        ["archive", "yes", 'is "yes": allowed are true, false'],
        ["protect", "True", 'is "True" (did you mean true?): allowed are true, false'],
        ["backupKeep", "0", 'is "0": a whole number from 1 to 1000 is needed'],
        ["backupKeep", "1.5", 'is "1.5": a whole number from 1 to 1000 is needed'],
        ["lockTimeoutMs", "300ms", 'is "300ms": a whole number from 1 to 60000 is needed'],
        ["embeddedMajor", "16", 'is "16": allowed are 15, 17'],
        ["bucketName", "A", 'is "A": 3 to 63 lowercase letters, digits, - and _ is needed'],
        ["storageUrl", "example.org", 'is "example.org": an address that begins with https://, or embedded is needed'],
        ["databaseIdentity", "postgres", 'is "postgres": <system identifier>/<name>, or empty is needed'],
        [
            "databaseCaFile",
            "<certs/ca.crt>",
            "is still the placeholder <certs/ca.crt>: the path of a file, or empty is needed",
        ],
        ["backupFolder", "", "is missing: the path of a folder is needed"],
    ] as const) {
        it(`with ${key}: ${value === "" ? "nothing" : value} is told what it may be`, () =>
            inScratch(async folder => {
                const others = ready.replace(new RegExp(` *simulation-db:${key}:.*\n`), "");
                putStack(folder, `${others}  simulation-db:${key}: ${JSON.stringify(value)}\n`);
                assert.deepEqual(faultsOf(folder), [`simulation-db:${key} ${fault}`]);
            }));
    }

    it("of prod, or of a stack whose name begins so, is refused without a verified connection", () =>
        inScratch(async folder => {
            for (const name of ["prod", "prod-eu"]) {
                putStack(folder, `${ready}  simulation-db:databaseSslMode: require\n`, name);
                assert.match(faultsOf(folder, name).join(), /prod needs a real project and a verified connection/);
            }
        }));

    it("is refused where only one of database and Storage is the local one", () =>
        inScratch(async folder => {
            putStack(folder, ready.replace("db.example.org", "embedded"));
            assert.deepEqual(faultsOf(folder), [
                "simulation-db:databaseHost and storageUrl are embedded together or not at all",
            ]);
        }));

    it("may carry what the secrets provider of a backend writes, but encrypts none of our keys", () =>
        inScratch(async folder => {
            const provider = "secretsprovider: awskms://alias/x\nencryptedkey: abc\nencryptionsalt: v1:a:b\n";
            putStack(folder, provider + ready);
            assert.deepEqual(faultsOf(folder), []);
            putStack(folder, `${provider}${ready}  simulation-db:databaseUser:\n    secure: v1:abc\n`);
            assert.deepEqual(faultsOf(folder), [
                "simulation-db:databaseUser is encrypted: no key is a secret, and what runs without the engine could not read it",
            ]);
        }));

    it("that imports an environment of Pulumi Cloud misses nothing: the rest may come from there", () =>
        inScratch(async folder => {
            putStack(folder, "environment:\n  - acme/staging\nconfig:\n  simulation-db:backup: required\n");
            assert.deepEqual(faultsOf(folder), []);
            assert.equal(readStackFile(folder, "dev").embedded, false);
        }));

    it("that is not there is an error that names the nearest of those there are", () =>
        inScratch(async folder => {
            putStack(folder, ready, "staging");
            assert.throws(
                () => readStackFile(folder, "stagin"),
                (error: unknown) =>
                    error instanceof UserError &&
                    /^There is no Pulumi\.stagin\.yaml, .* \(did you mean staging\?\)\.$/.test(error.message) &&
                    /Stacks with a file: staging\./.test(error.next.join()),
            );
        }));
});

describe("the list of keys", () => {
    it("is that of Pulumi.yaml, and every default is a value that its key may have", () => {
        const { config } = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8")) as {
            config: Record<string, { default?: unknown }>;
        };
        assert.deepEqual(Object.keys(config), Object.keys(configKeys));
        return inScratch(async folder => {
            putStack(folder, ready);
            assert.deepEqual(faultsOf(folder), []);
        });
    });

    it("is kept to by the stacks of this project but for the places that are to be filled in", () =>
        inScratch(async folder => {
            cpSync(join(root, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
            assert.deepEqual(faultsOf(root, "dev"), []);
            for (const name of ["staging", "prod"]) {
                const file = `Pulumi.${name}.yaml`;
                put(join(folder, file), unfilled(readFileSync(join(root, file), "utf8")));
                const faults = faultsOf(folder, name);
                assert.ok(faults.length > 0);
                for (const fault of faults) assert.match(fault, /is still the placeholder </);
            }
        }));
});
