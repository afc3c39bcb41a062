/** Does what a program is for. What is thrown is said in words on standard error, and the exit code is 1 then. */
export async function asProgram(work: () => Promise<unknown>): Promise<void> {
    try {
        await work();
    } catch (error) {
        // Loaded only here: a program that has nothing to say starts sooner.
        const { inWords } = await import("./database/sqlError.ts");
        const { explain } = await import("./userError.ts");
        process.stderr.write(`${explain(inWords(error))}\n`);
        process.exitCode = 1;
    }
}
