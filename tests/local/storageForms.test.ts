import assert from "node:assert/strict";
import { boundaryOf, readParts } from "../../local/storage/multipart.ts";

describe("multipart/form-data bodies", () => {
    const body = Buffer.from(
        [
            "a preamble that counts for nothing",
            "--limit",
            'Content-Disposition: form-data; name="cacheControl"',
            "",
            "3600",
            "--limit",
            'Content-Disposition: form-data; name=""; filename="a \u00e4.csv"',
            "content-type: text/csv",
            "",
            "a,b\r\n--limi\r\n--lim\r\n1,2",
            "--limit",
            "",
            "a part without headers",
            "--limit",
            'content-disposition: form-data; name="empty"',
            "",
            "",
            "--limit--",
            "an epilogue",
        ].join("\r\n"),
    );
    const expected = [
        { name: "cacheControl", fileName: undefined, contentType: undefined, text: "3600" },
        { name: "", fileName: "a \u00e4.csv", contentType: "text/csv", text: "a,b\r\n--limi\r\n--lim\r\n1,2" },
        { name: undefined, fileName: undefined, contentType: undefined, text: "a part without headers" },
        { name: "empty", fileName: undefined, contentType: undefined, text: "" },
    ];

    it("are read the same wherever the chunks are cut", async () => {
        for (let size = 1; size <= body.length; size++) assert.deepEqual(await partsOf(chunked(body, size)), expected);
    });

    it("may be skipped part by part", async () => {
        const names: (string | undefined)[] = [];
        for await (const part of readParts(chunked(body, 7), "limit")) names.push(part.name);
        assert.deepEqual(
            names,
            expected.map(part => part.name),
        );
    });

    it("that end too early are refused at every length", async () => {
        const end = body.indexOf("--limit--") + "--limit--".length;
        for (let length = 0; length < end; length++) {
            await assert.rejects(partsOf(chunked(body.subarray(0, length), 16)), /Unexpected end of form/);
        }
    });

    it("with endless headers are refused", async () => {
        const endless = Buffer.concat([Buffer.from("--limit\r\n"), Buffer.alloc(100_000, "x")]);
        await assert.rejects(partsOf(chunked(endless, 1000)), /Malformed part header/);
    });

    it("name their boundary", () => {
        assert.equal(boundaryOf("multipart/form-data; boundary=abc"), "abc");
        assert.equal(boundaryOf('Multipart/Form-Data; charset=utf-8; Boundary="a b;c"'), "a b;c");
        assert.equal(boundaryOf("text/csv"), undefined);
        assert.equal(boundaryOf(undefined), undefined);
        assert.throws(() => boundaryOf("multipart/form-data"), /Boundary not found/);
    });
});

async function partsOf(source: AsyncIterable<Buffer>) {
    const found = [];
    for await (const { name, fileName, contentType, body } of readParts(source, "limit")) {
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(chunk);
        found.push({ name, fileName, contentType, text: Buffer.concat(chunks).toString("utf8") });
    }
    return found;
}

async function* chunked(body: Buffer, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}
