import { Command } from "commander";
import { checkSql, ci, destroy, env, start, status, stop, withEngine } from "./commands.ts";
import { author, checkSettings, program } from "./programs.ts";

/** What a person types after `npm run`, with its help. */
export const commandLine = new Command("npm run")
    .description("The stack, with the engine and, for local stacks, the database brought along.")
    .showHelpAfterError();

/** For commands that ask no stack. */
function plain(name: string, description: string, run: (args: string[]) => Promise<number>): Command {
    return commandLine
        .command(name)
        .description(description)
        .action(async (_options: object, self: Command) => {
            process.exitCode = await run(self.args);
        });
}

function command(name: string, description: string, run: (stack: string, args: string[]) => Promise<number>): Command {
    return commandLine
        .command(name)
        .description(description)
        .option("-s, --stack <stack>", "the stack: Pulumi.<stack>.yaml", "dev")
        .action(async (options: { stack: string }, self: Command) => {
            process.exitCode = await run(options.stack, self.args);
        });
}

/** For commands that hand on what they do not know themselves. @param rest of the usage, after the stack */
function passing(made: Command, rest: string): void {
    const stack = made.options.length > 0 ? "[--stack <stack>] " : "";
    made.usage(`${stack}${rest}`).allowUnknownOption().allowExcessArguments();
}

function argumentsOf(program: string): string {
    return `[arguments of ${program}]`;
}

command("start", "start the local database, preview, apply, and say what to do next", start);
plain("stop", "end the local database and its Storage endpoint; the data stays", stop);
passing(
    command("preview", "show what would change", (stack, args) => withEngine("preview", stack, args)),
    argumentsOf("pulumi preview"),
);
passing(
    command("up", "apply what preview shows", (stack, args) => withEngine("up", stack, args)),
    argumentsOf("pulumi up"),
);
passing(
    command("destroy", "roll everything back; with --preview: show what that would do", destroy),
    argumentsOf("pulumi destroy"),
);
passing(
    command("types", "write the supabase-js type of the schema as it will be after what is pending", (stack, args) =>
        program("preview/types.ts", stack, args),
    ),
    "[--out <file>] [--schema <names>] [--check]",
);
for (const [verb, description] of [
    ["check", "try what an application will do: what must work works, what must not is refused"],
    ["audit", "list files without a dataset, datasets without a file, and what changed in the bucket's settings"],
] as const) {
    passing(
        command(verb, description, (stack, args) => program("runner/main.ts", stack, [verb, ...args])),
        argumentsOf(`node runner/main.ts ${verb}`),
    );
}
passing(
    command("status", "show what is applied and pending, drift, the last backup and the archive", status),
    argumentsOf("node preview/status.ts"),
);
passing(
    command("promotion", "write the record of what has run in this stack, for the one after it", (stack, args) =>
        program("runner/main.ts", stack, ["promotion", "make", ...args]),
    ),
    argumentsOf("node runner/main.ts promotion make"),
);
passing(
    plain("new", "make the files of the next migration", args => author("new", args)),
    argumentsOf("node authoring/main.ts new"),
);
passing(
    command(
        "propose-down",
        "fill down.sql and verify.sql of a migration of which only up.sql is written",
        (stack, args) => author("propose-down", args, checkSettings(stack)),
    ),
    argumentsOf("node authoring/main.ts propose-down"),
);
passing(
    plain("adopt", "look at a project that is there, say which migrations match it, and write its stack file", args =>
        author("adopt", args, checkSettings("dev")),
    ),
    argumentsOf("node authoring/main.ts adopt"),
);
passing(
    commandLine
        .command("check:sql")
        .description("find out all that can be known of migrations, on an embedded PostgreSQL or a stack's target")
        .option("-s, --stack <stack>", "what is pending there, with the sizes of its tables")
        .action(async ({ stack }: { stack?: string }, self: Command) => {
            process.exitCode = await checkSql(stack, self.args);
        }),
    argumentsOf("node authoring/main.ts check:sql"),
);
commandLine
    .command("ci")
    .description("one job of a pipeline: check, preview, up, drift, destroy")
    .argument("<job>")
    .option("-s, --stack <stack>", "the stack: Pulumi.<stack>.yaml", "dev")
    .option("--confirm <stack>", "for destroy: the stack's name once more")
    .action(async (job: string, { stack, confirm }: { stack: string; confirm?: string }) => {
        process.exitCode = await ci(job, stack, confirm);
    });
command("env", "print what plain pulumi and psql need, for eval", env);
