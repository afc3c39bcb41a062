import { LocalCommand, OFFICIAL } from "./command/localCommand.ts";
import { engineAddress, EngineLog } from "./engineLog.ts";
import { serve } from "./server.ts";

// The stand-in for Pulumi's `command` plugin. The engine starts it with its own address as the argument.
const log = new EngineLog(engineAddress(process.argv.slice(2)));
await serve({
    official: OFFICIAL,
    kinds: { "command:local:Command": new LocalCommand(log) },
    checkSettings: () => [],
    configure: () => {},
});
