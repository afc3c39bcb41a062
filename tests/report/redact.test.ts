import assert from "node:assert/strict";
import { redacted } from "../../preview/report/redact.ts";

describe("what a report leaves out", () => {
    for (const secret of [
        "alter role app password 'hunter2'",
        "alter role app password E'hunter2'",
        "alter role app password U&'hunter2'",
        "alter role app password $x$hunter2$x$",
        "create user mapping for app server s options (user 'app', password 'hunter2')",
        `{"user": "app", "password": "hunter2"}`,
        "select private.connect(password => 'hunter2')",
        "select dblink('host=a password=hunter2')",
        "postgres://app:hunter2@db.example.org/postgres",
        "redis://:hunter2@cache.example.org",
        'execute function http(\'{"Authorization": "Bearer sb_secret_hunter2"}\')',
        "apikey eyJhbGciOiJIUzI1NiJ9.hunter2.c2ln",
    ]) {
        it(`the secret in: ${secret.replaceAll("hunter2", "…")}`, () => {
            assert.doesNotMatch(redacted({ text: [secret] }).text.join(), /hunter2/);
        });
    }

    for (const plain of [
        "alter table public.users add column password_hash text",
        "comment on column public.users.password is 'Of no use.'",
        "https://example.org/a:b@c",
        "sb_publishable_key",
    ]) {
        it(`nothing of: ${plain}`, () => {
            assert.equal(redacted(plain), plain);
        });
    }
});
