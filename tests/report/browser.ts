import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

/** How a page is looked at. */
export interface View {
    /** In CSS pixels. */
    readonly width: number;
    readonly height?: number;
    /** Pixels of the picture per CSS pixel; default 1. */
    readonly scale?: number;
    readonly colorScheme: "light" | "dark";
}

/** A headless Chromium without network. */
export interface Reader {
    /** Opens a file; the page is closed after `look`. Throws when the page asked anybody for anything, or ran a script. */
    open<T>(file: string, view: View, look: (page: Page) => Promise<T>): Promise<T>;
    close(): Promise<void>;
}

/** A Chromium of this machine; undefined when there is none. Nothing is downloaded: CI takes Debian's. */
export async function reader(): Promise<Reader | undefined> {
    const executablePath = await installed();
    if (executablePath === undefined) return undefined;
    const home = await mkdtemp(join(tmpdir(), "simulation-db-browser-"));
    // Root has no sandbox of its own; the pages are ours.
    const browser = await chromium.launch({
        executablePath,
        chromiumSandbox: false,
        env: { ...process.env, HOME: home },
    });
    return {
        open: (file, view, look) => opened(browser, file, view, look),
        close: async () => {
            await browser.close();
            await rm(home, { recursive: true, force: true, maxRetries: 5 });
        },
    };
}

async function opened<T>(
    browser: Browser,
    file: string,
    { width, height = 800, scale = 1, colorScheme }: View,
    look: (page: Page) => Promise<T>,
): Promise<T> {
    const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale, colorScheme });
    try {
        const page = await context.newPage();
        const address = pathToFileURL(file).href;
        const unwanted: string[] = [];
        page.on("request", request => {
            if (request.url() !== address) unwanted.push(`request: ${request.url()}`);
        });
        page.on("dialog", dialog => {
            unwanted.push(`dialog: ${dialog.message()}`);
            void dialog.dismiss();
        });
        page.on("console", message => unwanted.push(`console: ${message.text()}`));
        page.on("pageerror", error => unwanted.push(`error: ${error.message}`));
        await page.goto(address);
        const seen = await look(page);
        if (unwanted.length > 0) throw new Error(`The page did what it must not:\n${unwanted.join("\n")}`);
        return seen;
    } finally {
        await context.close();
    }
}

async function installed(): Promise<string | undefined> {
    const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    for (const folder of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
        for (const name of names) {
            const path = join(folder, name);
            if (await access(path, constants.X_OK).then(() => true, () => false)) return path; // prettier-ignore
        }
    }
    return undefined;
}
