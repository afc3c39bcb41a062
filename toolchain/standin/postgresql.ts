import { explain } from "../../runner/userError.ts";
import { Connections } from "./postgresql/connection.ts";
import { DefaultPrivileges } from "./postgresql/defaultPrivileges.ts";
import { Grant } from "./postgresql/grant.ts";
import { Role } from "./postgresql/role.ts";
import { checkSettings, OFFICIAL, settingsOf } from "./postgresql/settings.ts";
import { refuseRemote } from "./refusal.ts";
import { serve } from "./server.ts";

// The stand-in for Pulumi's `postgresql` plugin.
let configured = new Connections(settingsOf({}, process.env));
const connections = () => configured;

await serve({
    official: OFFICIAL,
    kinds: {
        "postgresql:index/role:Role": new Role(connections),
        "postgresql:index/grant:Grant": new Grant(connections),
        "postgresql:index/defaultPrivileges:DefaultPrivileges": new DefaultPrivileges(connections),
    },
    checkSettings: (urn, settings) => {
        const failures = checkSettings(settings);
        try {
            refuseRemote(OFFICIAL, urn, { "the provider's host": settingsOf(settings, process.env).host });
        } catch (error) {
            failures.push({ property: "host", reason: explain(error) });
        }
        return failures;
    },
    configure: settings => {
        configured = new Connections(settingsOf(settings, process.env));
    },
});
