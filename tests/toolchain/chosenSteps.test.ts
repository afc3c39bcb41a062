import assert from "node:assert/strict";
import { join } from "node:path";
import { readStackFile } from "../../toolchain/stackFile.ts";
import { withBackup } from "../../toolchain/chosenSteps.ts";
import { backupStep } from "../../toolchain/stepUrn.ts";

const { values } = readStackFile(join(import.meta.dirname, "../.."), "dev");
const required = { name: "organization/simulation-db/dev", values: { ...values, backup: "required" as const } };
const optional = { ...required, values: { ...values, backup: "optional" as const } };
const backup = backupStep("dev");

describe("an up that is told which steps to take", () => {
    for (const [given, option] of [
        ["--target **::schema-0030", "--target"],
        ["--yes --target=**::schema-0030", "--target"],
        ["-t **::schema-0030", "--target"],
        ["-yt **::schema-0030", "--target"],
        ["-drt **::schema-0030", "--target"],
        ["--replace **::schema-0030", "--replace"],
        ["--target-replace **::schema-0030", "--target-replace"],
    ] as const) {
        it(`takes the backup too: ${given}`, () => {
            const args = given.split(" ");
            assert.deepEqual(withBackup(required, args), [...args, option, backup]);
        });
    }

    for (const given of [
        "",
        "--yes --skip-preview",
        "--target-dependents",
        "-m text",
        "--exclude **::datasets-bucket",
    ]) {
        it(`and one that is not has nothing added: ${JSON.stringify(given)}`, () => {
            assert.deepEqual(withBackup(required, given.split(" ")), given.split(" "));
        });
    }

    for (const given of [
        "--exclude **",
        "--exclude **::backup-*",
        `--exclude=${backup}`,
        "--exclude **::datasets-bucket --exclude urn:pulumi:*::*::*:database:*$command:local:Command::backup-dump",
    ]) {
        it(`is refused where it leaves out a backup that is required: ${given}`, () => {
            assert.throws(
                () => withBackup(required, given.split(" ")),
                /leaves out the backup, and this stack requires one/,
            );
            assert.deepEqual(withBackup(optional, given.split(" ")), given.split(" "));
        });
    }
});
