import assert from "node:assert/strict";
import { compare } from "../../preview/changes/comparison.ts";
import { grantFindings } from "../../preview/findings/insecure/grants.ts";
import { exposedSchemas, type Scene } from "../../preview/findings/scene.ts";

const key = "settings of authenticator in all databases";

/** What the rules for grants look at; PostgreSQL lets nobody but a superuser, or Supabase's own library, do the rest. */
function codes(before: string, after: string): string[] {
    const scene = {
        comparison: compare(new Map([[key, before]]), new Map([[key, after]])),
        exposed: new Set(["public"]),
    };
    return grantFindings(scene as unknown as Scene).map(({ code }) => code);
}

describe("the settings of the API", () => {
    it("are a finding when one of them changes, which the catalog knows by its hash", () => {
        assert.deepEqual(codes("pgrst.db_schemas with md5 1", "pgrst.db_schemas with md5 2"), ["api-settings-changed"]);
    });

    it("are none when another setting of the role changes", () => {
        assert.deepEqual(codes("statement_timeout=8s", "statement_timeout=9s"), []);
    });

    it("name schemas that the API shows, beside those of the stack and public", () => {
        const settings = [
            { role: "authenticator", inThisDatabase: false, name: "pgrst.db_schemas", value: "public, api" },
        ];
        assert.deepEqual(
            [...exposedSchemas({ settings }, { exposedSchemas: ["graphql_public", " own", ""], maxLockMs: 1 })],
            ["public", "graphql_public", "own", "api"],
        );
    });
});
