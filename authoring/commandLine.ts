import { Command } from "commander";
import type { CheckOptions } from "./check/command.ts";
import type { NewOptions } from "./folder/command.ts";
import type { AdoptOptions } from "./joining/command.ts";
import type { ProposeOptions } from "./proposal/command.ts";

/** What an author of migrations types, with its help; `npm run` hands it on. */
export const commandLine = new Command("npm run")
    .description("Writes migrations, proposes how they are undone, and checks them before anybody else does.")
    .showHelpAfterError();

// What a command does is loaded when it runs, so that --help and a wrong argument answer at once.
commandLine
    .command("new")
    .description("make the folder and the files of the next migration")
    .argument("[slug]", "what it is about, in words parted by _: add_dataset_tags")
    .option(
        "--renumber <names...>",
        "give these migrations the numbers after all others: two branches took the same ones",
    )
    .action((slug: string | undefined, options: NewOptions) =>
        import("./folder/command.ts").then(({ makeMigration }) => makeMigration(slug, options)),
    );

commandLine
    .command("check:sql")
    .description(
        "find out all that can be known of migrations: conventions, PostgreSQL's errors, locks, losses, the way back",
    )
    .argument("[names...]", "which; else those that git has in another form than the main branch, or that are pending")
    .option(
        "--target",
        "what is pending on the database of the shell's PG variables, with its sizes; --stack sets them",
    )
    .option("--watch", "check again at each change of sql/")
    .option("--json", "for programs")
    .action((names: string[], options: CheckOptions) =>
        import("./check/command.ts").then(({ checkSql }) => checkSql(names, options)),
    );

commandLine
    .command("propose-down")
    .description("fill down.sql and verify.sql of a migration of which only up.sql is written, and try all three")
    .argument("[name]", "which one; else the newest")
    .option("--force", "also over what is written there")
    .action((name: string | undefined, options: ProposeOptions) =>
        import("./proposal/command.ts").then(({ proposeDown }) => proposeDown(name, options)),
    );

commandLine
    .command("adopt")
    .description(
        "look at a project that is there, say which migrations match it, and write its stack file; changes nothing",
    )
    .argument("<name>", "of the stack: Pulumi.<name>.yaml is written")
    .option("--import <folder>", "make migrations of the Supabase CLI's, from its supabase/migrations folder, first")
    .action((name: string, options: AdoptOptions) =>
        import("./joining/command.ts").then(({ adoptProject }) => adoptProject(name, options)),
    );
