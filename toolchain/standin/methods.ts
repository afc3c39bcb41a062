import type { handleUnaryCall } from "@grpc/grpc-js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import type { IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empties from "google-protobuf/google/protobuf/empty_pb.js";
import structs, { type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import type { Failure, Provider, ResourceKind } from "./provider.ts";
import { refusal } from "./refusal.ts";
import { type Properties, plain, same, withoutUndefined } from "./values.ts";

/** Makes a gRPC method of what answers one call; what the work throws becomes the error that the engine prints. */
export type Answer = <Request, Response>(
    work: (request: Request) => Response | Promise<Response>,
) => handleUnaryCall<Request, Response>;

/**
 * The engine's protocol, spoken by a provider. A method left out answers "unimplemented", which the engine knows how to
 * take.
 *
 * @param cancelled is aborted when the engine cancels
 */
export function methods(
    provider: Provider,
    cancelled: AbortController,
    answer: Answer,
): Partial<IResourceProviderServer> {
    function kindOf(urn: string): ResourceKind {
        const token = typeOf(urn);
        const kind = provider.kinds[token];
        if (kind === undefined) throw refusal(provider.official, `does not know resources of type ${token}`);
        return kind;
    }

    return {
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
