/** How long a person waits without a word, in milliseconds. */
const patienceMs = 1000;

/** Tells what is under way once it takes longer than a second, and how long each phase took. */
export class Progress {
    readonly #say: (line: string) => void;
    readonly #tookPhase: (phase: string, ms: number) => void;
    readonly #started = performance.now();
    #current: { phase: string; since: number } | undefined;
    #timer: NodeJS.Timeout | undefined;

    constructor(say: (line: string) => void, tookPhase: (phase: string, ms: number) => void = () => {}) {
        this.#say = say;
        this.#tookPhase = tookPhase;
    }

    /** Ends the phase before. @param phase in words that go on after "preview: " */
    enter(phase: string): void {
        this.end();
        const now = performance.now();
        const current = { phase, since: now };
        this.#current = current;
        const wait = Math.max(0, patienceMs - (now - this.#started));
        this.#timer = setTimeout(() => this.#say(`preview: ${phase} …`), wait);
        this.#timer.unref();
    }

    end(): void {
        clearTimeout(this.#timer);
        if (this.#current) this.#tookPhase(this.#current.phase, performance.now() - this.#current.since);
        this.#current = undefined;
    }
}
