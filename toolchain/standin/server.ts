import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { explain } from "../../runner/userError.ts";
import { methods } from "./methods.ts";
import type { Provider } from "./provider.ts";

/** State and SQL travel in one message each; the default limit of 4 MB is too small for either. */
const MESSAGE_BYTES = 400 * 1024 * 1024;
const PARENT_CHECK_MS = 1000;

/**
 * Serves a provider to the engine that started this process, until that engine is gone.
 *
 * `provider.main` of `@pulumi/pulumi` would do for a plugin without settings, but it drops the settings of an
 * explicit provider, prints failures of delete twice, and cannot tell a preview from an update.
 */
export async function serve(provider: Provider): Promise<void> {
    const server = new grpc.Server({
        "grpc.max_receive_message_length": MESSAGE_BYTES,
        "grpc.max_send_message_length": MESSAGE_BYTES,
    });
    const cancelled = new AbortController();
    let underWay = 0;

    // As methods.ts wants it; what is asked for is under way until it is answered.
    function answer<Request, Response>(
        work: (request: Request) => Response | Promise<Response>,
    ): grpc.handleUnaryCall<Request, Response> {
        const respond: (...handled: Parameters<grpc.handleUnaryCall<Request, Response>>) => Promise<void> = async (
            call,
            callback,
        ) => {
            underWay++;
            try {
                callback(null, await work(call.request));
            } catch (error) {
                callback({ code: grpc.status.UNKNOWN, details: explain(error) });
            } finally {
                underWay--;
            }
        };
        return (call, callback) => void respond(call, callback);
    }

    server.addService(
        services.ResourceProviderService,
        methods(provider, cancelled, answer) as grpc.UntypedServiceImplementation,
    );

    const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
            if (error) reject(error);
            else resolve(bound);
        });
    });
    // The engine reads the port from the first line of our output.
    process.stdout.write(`${port}\n`);

    // An engine that was killed cannot say goodbye: work under way is finished, then nobody needs this process.
    const parent = process.ppid;
    setInterval(() => {
        if (process.ppid !== parent && underWay === 0) process.exit(0);
    }, PARENT_CHECK_MS).unref();
}
