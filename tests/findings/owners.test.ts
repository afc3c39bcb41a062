import assert from "node:assert/strict";
import { compare } from "../../preview/changes/comparison.ts";
import { ownerFindings } from "../../preview/findings/insecure/owners.ts";

const attributes = (own: Record<string, boolean>) => JSON.stringify({ rolsuper: false, rolbypassrls: false, ...own });
const roles = [
    ["role plain", attributes({})],
    ["role chief", attributes({ rolbypassrls: true })],
    ["role root", attributes({ rolsuper: true })],
] as const;

/** What is said of a new owner, and whether it stops. */
function said(key: string, before: string, after: string): string[] {
    const comparison = compare(new Map([...roles, [key, before]]), new Map([...roles, [key, after]]));
    return ownerFindings({ comparison }).map(({ words, stops }) => `${stops ? "stops: " : ""}${words}`);
}

describe("what is said of a new owner", () => {
    const definer = (owner: string) =>
        `owner ${owner}\nCREATE OR REPLACE FUNCTION public.f()\n RETURNS integer\n LANGUAGE sql\n SECURITY DEFINER\nAS $function$select 1$function$`;

    it("stops a security definer function that runs with more rights from now on", () => {
        const more = (owner: string, was: string) => [
            `stops: runs with the rights of ${owner} now, of ${was} before: it is security definer`,
        ];
        assert.deepEqual(said("function public.f()", definer("plain"), definer("postgres")), more("postgres", "plain"));
        assert.deepEqual(said("function public.f()", definer("plain"), definer("chief")), more("chief", "plain"));
        assert.deepEqual(said("function public.f()", definer("postgres"), definer("root")), more("root", "postgres"));
        assert.deepEqual(
            said("function public.f()", definer("postgres"), definer("supabase_admin")),
            more("supabase_admin", "postgres"),
        );
    });

    it("is a note where it has no more than before, or runs as its caller", () => {
        assert.deepEqual(said("function public.f()", definer("postgres"), definer("plain")), [
            "belongs to plain now, to postgres before",
        ]);
        const invoker = (owner: string) => definer(owner).replace("\n SECURITY DEFINER", "");
        assert.deepEqual(said("function public.f()", invoker("plain"), invoker("postgres")), [
            "belongs to postgres now, to plain before",
        ]);
        assert.deepEqual(said("schema app", "owner plain", "owner chief"), ["belongs to chief now, to plain before"]);
        assert.deepEqual(said("type public.mood", "owner plain enum 'a'", "owner plain enum 'a', 'b'"), []);
    });

    it("stops a caller of the API, of whatever it comes to own", () => {
        const everything = ["stops: belongs to anon now, who may do everything with it"];
        assert.deepEqual(said("schema app", "owner plain", "owner anon"), everything);
        assert.deepEqual(said("owner of table public.runs", "postgres", "anon"), everything);
        assert.deepEqual(said("function public.f()", definer("postgres"), definer("anon")), everything);
    });
});
