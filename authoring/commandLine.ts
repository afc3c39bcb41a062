import { Command } from "commander";
import type { NewOptions } from "./commands.ts";

/** What an author of migrations types, with its help; `npm run` hands it on. */
export const commandLine = new Command("npm run")
    .description("Writes migrations, proposes how they are undone, and checks them before anybody else does.")
    .showHelpAfterError();

commandLine
    .command("new")
    .description("make the folder and the files of the next migration")
    .argument("[slug]", "what it is about, in words parted by _: add_dataset_tags")
    .option(
        "--renumber <names...>",
        "give these migrations the numbers after all others: two branches took the same ones",
    )
    .action((slug: string | undefined, options: NewOptions) =>
        commands().then(each => each.makeMigration(slug, options)),
    );

// Loaded when a command runs, so that --help and a wrong argument answer at once.
function commands() {
    return import("./commands.ts");
}
