import * as grpc from "@grpc/grpc-js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import type { IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empties from "google-protobuf/google/protobuf/empty_pb.js";
import structs, { type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import { explain } from "../../runner/userError.ts";
import type { Failure, Provider, ResourceKind } from "./provider.ts";
import { refusal } from "./refusal.ts";
import { type Properties, plain, same, withoutUndefined } from "./values.ts";

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
    const cancelled = new AbortController();
    const server = new grpc.Server({
        "grpc.max_receive_message_length": MESSAGE_BYTES,
        "grpc.max_send_message_length": MESSAGE_BYTES,
    });
    let underWay = 0;

    /** Answers one call; what the work throws becomes the error that the engine prints. */
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

    function kindOf(urn: string): ResourceKind {
        const token = typeOf(urn);
        const kind = provider.kinds[token];
        if (kind === undefined) throw refusal(provider.official, `does not know resources of type ${token}`);
        return kind;
    }

    const implementation: Partial<IResourceProviderServer> = {
        getPluginInfo: answer(() => new plugins.PluginInfo().setVersion(provider.official.version)),
        getSchema: answer(() => new messages.GetSchemaResponse().setSchema("{}")),
        checkConfig: answer(request => {
            const settings = read(request.getNews());
            const response = new messages.CheckResponse().setInputs(write(settings));
            return response.setFailuresList(failures(provider.checkSettings(request.getUrn(), known(settings))));
        }),
        diffConfig: answer(request => {
            const changed = !same(read(request.getOlds()), read(request.getNews()));
            return new messages.DiffResponse().setChanges(changes(changed));
        }),
        configure: answer(request => {
            provider.configure(known(read(request.getArgs())));
            return new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
        }),
        invoke: answer(request => {
            throw refusal(provider.official, `does not know the function ${request.getTok()}`);
        }),
        call: answer(request => {
            throw refusal(provider.official, `does not know the method ${request.getTok()}`);
        }),
        construct: answer(request => {
            throw refusal(provider.official, `does not know components of type ${request.getType()}`);
        }),
        check: answer(request => {
            const checked = kindOf(request.getUrn()).check(request.getUrn(), read(request.getNews()));
            const response = new messages.CheckResponse().setInputs(write(checked.inputs));
            return response.setFailuresList(failures(checked.failures));
        }),
        diff: answer(request => {
            const kind = kindOf(request.getUrn());
            const found = kind.diff(read(request.getOlds()), read(request.getOldInputs()), read(request.getNews()));
            return new messages.DiffResponse()
                .setChanges(changes(found.changed.length > 0))
                .setDiffsList([...found.changed])
                .setReplacesList([...found.replaces])
                .setDeletebeforereplace(found.replaces.length > 0 && found.deleteFirst);
        }),
        create: answer(async request => {
            const kind = kindOf(request.getUrn());
            const inputs = read(request.getProperties());
            if (request.getPreview()) return new messages.CreateResponse().setProperties(write(kind.foresee(inputs)));
            const { id, outputs } = await kind.create(request.getUrn(), inputs, cancelled.signal);
            return new messages.CreateResponse().setId(id).setProperties(write(outputs));
        }),
        update: answer(async request => {
            const kind = kindOf(request.getUrn());
            const inputs = read(request.getNews());
            const outputs = request.getPreview()
                ? kind.foresee(inputs)
                : await kind.update(request.getUrn(), read(request.getOlds()), inputs, cancelled.signal);
            return new messages.UpdateResponse().setProperties(write(outputs));
        }),
        delete: answer(async request => {
            await kindOf(request.getUrn()).delete(request.getUrn(), read(request.getProperties()), cancelled.signal);
            return new empties.Empty();
        }),
        read: answer(async request => {
            const [urn, id] = [request.getUrn(), request.getId()];
            const [outputs, inputs] = [read(request.getProperties()), read(request.getInputs())];
            const kind = kindOf(urn);
            if (!kind.importable && Object.keys({ ...outputs, ...inputs }).length === 0) {
                throw refusal(provider.official, `imports nothing of this kind: ${typeOf(urn)} ${id}`);
            }
            const found = await kind.read(urn, id, outputs, inputs);
            if (found === undefined) return new messages.ReadResponse();
            return new messages.ReadResponse()
                .setId(id)
                .setProperties(write(found.outputs))
                .setInputs(write(found.inputs));
        }),
        cancel: answer(() => {
            cancelled.abort();
            return new empties.Empty();
        }),
    };
    // A method left out answers "unimplemented", which the engine knows how to take.
    server.addService(services.ResourceProviderService, implementation as grpc.UntypedServiceImplementation);

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

/** The address of the engine among the arguments of a plugin; tests and tracing put flags before it. */
export function engineAddress(args: readonly string[]): string {
    const address = args.find((arg, index) => !arg.startsWith("-") && args[index - 1] !== "--tracing");
    if (address === undefined) throw new Error("a plugin is started by the Pulumi engine, which passes its address");
    return address;
}

function typeOf(urn: string): string {
    return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

function read(struct: structs.Struct | undefined): Properties {
    return struct?.toJavaScript() ?? {};
}

function write(properties: Properties): structs.Struct {
    return structs.Struct.fromJavaScript(withoutUndefined(properties) as Record<string, JavaScriptValue>);
}

function known(settings: Properties): Properties {
    return plain(settings) as Properties;
}

function changes(any: boolean): messages.DiffResponse.DiffChanges {
    const kinds = messages.DiffResponse.DiffChanges;
    return any ? kinds.DIFF_SOME : kinds.DIFF_NONE;
}

function failures(list: readonly Failure[]): messages.CheckFailure[] {
    return list.map(({ property, reason }) => new messages.CheckFailure().setProperty(property).setReason(reason));
}
