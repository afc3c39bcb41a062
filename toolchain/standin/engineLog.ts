import * as grpc from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";

/**
 * The engine's log. Providers written with `@pulumi/pulumi` have no public way to it,
 * so this speaks the engine's own protocol with the client generated inside that package.
 */
export class EngineLog {
    readonly #client: InstanceType<typeof engineService.EngineClient>;
    #last: Promise<void> = Promise.resolve();

    /** `address` is what the engine passes to a plugin as its first argument. */
    constructor(address: string) {
        this.#client = new engineService.EngineClient(address, grpc.credentials.createInsecure());
    }

    /** Shows one line beside a resource while it works. Lines arrive in the order of the calls. */
    status(urn: string, line: string): void {
        const request = new engine.LogRequest()
            .setSeverity(engine.LogSeverity.INFO)
            .setMessage(line)
            .setUrn(urn)
            .setEphemeral(true);
        // A line that cannot be shown must not fail the work it speaks of.
        this.#last = this.#last.then(() => new Promise(resolve => this.#client.log(request, () => resolve())));
    }

    /** Resolves when every line handed over so far has arrived. */
    async flushed(): Promise<void> {
        await this.#last;
    }
}

/** The address of the engine among the arguments of a plugin; tests and tracing put flags before it. */
export function engineAddress(args: readonly string[]): string {
    const address = args.find((arg, index) => !arg.startsWith("-") && args[index - 1] !== "--tracing");
    if (address === undefined) throw new Error("a plugin is started by the Pulumi engine, which passes its address");
    return address;
}
