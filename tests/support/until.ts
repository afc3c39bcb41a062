/** Asks until it is so. @throws Error naming what was waited for, after so many milliseconds */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, limit = 20_000): Promise<void> {
    const deadline = Date.now() + limit;
    while (!(await isSo())) {
        if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
        await new Promise(resolve => setTimeout(resolve, 25));
    }
}
