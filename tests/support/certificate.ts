import { execFile } from "node:child_process";
import { chmod, chown, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { serviceUser } from "../../local/serviceUser.ts";

const root = dirname(dirname(import.meta.dirname));
const run = promisify(execFile);
const newKey = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Whether this machine can make certificates. */
export async function canCertify(): Promise<boolean> {
    return await run("openssl", ["version"]).then(
        () => true,
        () => false,
    );
}

/** Makes an authority for two days. @returns the path of its certificate; the key is beside it */
export async function makeAuthority(folder: string, name: string): Promise<string> {
    const certificate = join(folder, `${name}.crt`);
    const subject = ["-x509", "-days", "2", "-subj", `/CN=test ${name}`];
    await run("openssl", [...newKey, ...subject, "-keyout", join(folder, `${name}.key`), "-out", certificate]);
    return certificate;
}

/**
 * Makes a certificate that an authority of the same folder has signed, and that the server's account can read.
 *
 * @param names as OpenSSL wants them: `DNS:localhost`
 */
export async function makeCertificate(
    folder: string,
    authority: string,
    names: string,
): Promise<{ certificate: string; key: string }> {
    const file = (name: string) => join(folder, name);
    const [certificate, key, request] = [file("server.crt"), file("server.key"), file("server.csr")];
    await run("openssl", [...newKey, "-subj", "/CN=localhost", "-keyout", key, "-out", request]);
    await writeFile(file("names"), `subjectAltName=${names}\n`);
    const signer = ["-CA", file(`${authority}.crt`), "-CAkey", file(`${authority}.key`), "-CAcreateserial"];
    const terms = ["-days", "2", "-extfile", file("names")];
    await run("openssl", ["x509", "-req", "-in", request, ...signer, ...terms, "-out", certificate]);
    const user = serviceUser(root);
    if (user) await chown(key, user.uid, user.gid);
    await chmod(key, 0o600);
    await chmod(certificate, 0o644);
    return { certificate, key };
}
