import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../runner/userError.ts";
import { placeOf, readStackFile } from "../../toolchain/stackFile.ts";
import { inScratch, put } from "./scratch.ts";

function files(folder: string, project: string, stack: string): void {
    put(join(folder, "Pulumi.yaml"), `name: simulation-db\nruntime: nodejs\n${project}`);
    put(join(folder, "Pulumi.dev.yaml"), stack);
}

describe("a stack's file", () => {
    it("says whether the database is the local one, and of which shape", () =>
        inScratch(async folder => {
            files(
                folder,
                "",
                `config:
  simulation-db:databaseHost: embedded
  simulation-db:embeddedMajor: "17"
  simulation-db:embeddedDefaultPrivileges: closed
  simulation-db:embeddedSimulationRuns: extended
`,
            );
            assert.deepEqual(readStackFile(folder, "dev"), {
                name: "dev",
                embedded: true,
                major: 17,
                shape: { defaultPrivileges: "closed", simulationRuns: "extended" },
                place: {},
            });
        }));

    it("leaves what it does not say to the project file, then to the usual shape", () =>
        inScratch(async folder => {
            files(folder, "config:\n  embeddedMajor:\n    type: integer\n    default: 17\n", "config: {}\n");
            assert.deepEqual(readStackFile(folder, "org/simulation-db/dev"), {
                name: "org/simulation-db/dev",
                embedded: false,
                major: 17,
                shape: { defaultPrivileges: "open", simulationRuns: "bare" },
                place: {},
            });
        }));

    it("an empty one is a stack with defaults only", () =>
        inScratch(async folder => {
            files(folder, "", "");
            assert.equal(readStackFile(folder, "dev").embedded, false);
        }));

    it("a placeholder that is left is named before anything is connected to", () =>
        inScratch(async folder => {
            files(
                folder,
                "",
                "config:\n  simulation-db:databaseHost: <HOST>\n  simulation-db:databaseUser: postgres\n",
            );
            const stack = readStackFile(folder, "dev");
            assert.throws(
                () => placeOf(stack),
                (error: unknown) =>
                    error instanceof UserError &&
                    /Pulumi\.dev\.yaml is not ready:\n {2}simulation-db:databaseHost is still the placeholder <HOST>$/.test(
                        error.message,
                    ),
            );
        }));

    it("a stack without a file is an error that names those there are", () =>
        inScratch(async folder => {
            files(folder, "", "");
            assert.throws(
                () => readStackFile(folder, "devv"),
                (error: unknown) => error instanceof UserError && /Stacks with a file: dev\./.test(error.next.join()),
            );
        }));

    it("a value that is not allowed is an error that names those that are", () =>
        inScratch(async folder => {
            files(folder, "", "config:\n  simulation-db:embeddedMajor: 16\n");
            assert.throws(
                () => readStackFile(folder, "dev"),
                /Pulumi\.dev\.yaml: simulation-db:embeddedMajor is 16; allowed are 15 and 17\./,
            );
        }));
});
