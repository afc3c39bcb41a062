import pg from "pg";

/**
 * A refusal as the Storage API words it. The HTTP status is 400 for every refusal below 500 (the real server does
 * so); the meaning is in the body's `statusCode`, which supabase-js shows as `error.statusCode`.
 */
export class StorageError extends Error {
    /** What the body calls `statusCode`. */
    readonly statusCode: number;
    readonly code: string;
    /** The older name of the error, which the body still calls `error`. */
    readonly error: string;

    constructor(statusCode: number, code: string, message: string, error = code) {
        super(message);
        this.name = "StorageError";
        this.statusCode = statusCode;
        this.code = code;
        this.error = error;
    }

    get httpStatus(): number {
        return this.statusCode < 500 ? 400 : this.statusCode;
    }

    get body(): Record<string, string> {
        return { statusCode: String(this.statusCode), code: this.code, error: this.error, message: this.message };
    }
}

/** Every refusal this endpoint knows, by the name that the real server's documentation gives it. */
export const refuse = {
    accessDenied: (message: string) => new StorageError(403, "AccessDenied", message, "Unauthorized"),
    bucketNotEmpty: () =>
        new StorageError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty", "ResourceNotEmpty"),
    duplicate: (code = "ResourceAlreadyExists") =>
        new StorageError(409, code, "The resource already exists", "Duplicate"),
    entityTooLarge: (what = "object") =>
        new StorageError(413, "EntityTooLarge", `The ${what} exceeded the maximum allowed size`, "Payload too large"),
    invalidBucketName: () => new StorageError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input"),
    invalidFileSizeLimit: () => invalidRequest("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B"),
    invalidJwt: (message: string) => new StorageError(400, "InvalidJWT", message),
    invalidKey: (name: string) => new StorageError(400, "InvalidKey", `Invalid key: ${name}`),
    invalidMimeType: (type: string) =>
        new StorageError(415, "InvalidMimeType", `mime type ${type} is not supported`, "invalid_mime_type"),
    invalidRequest,
    invalidSignature: () => new StorageError(400, "InvalidSignature", "Invalid signature"),
    malformed: (message: string) => new StorageError(400, "InvalidRequest", message, "Error"),
    noDatabase: (cause: Error) =>
        new StorageError(503, "DatabaseUnavailable", `The database cannot be reached: ${cause.message}`),
    noContent: () => invalidRequest("No content provided"),
    noSuchBucket: () => new StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found"),
    noSuchFile: () => new StorageError(404, "NoSuchKey", "The resource was not found", "Not found"),
    noSuchObject: () => new StorageError(404, "NoSuchKey", "Object not found", "not_found"),
    notServed: (method: string, path: string) =>
        new StorageError(
            501,
            "NotImplemented",
            `${method} ${path} is not part of the local Storage endpoint; local/storage/README.md says what is`,
        ),
};

function invalidRequest(message: string): StorageError {
    return new StorageError(400, "InvalidRequest", message);
}

/** What the caller is told about `error`; undefined when it is a fault of this endpoint and belongs in its log. */
export function asStorageError(error: unknown): StorageError | undefined {
    if (error instanceof StorageError) return error;
    if (error instanceof pg.DatabaseError) return fromDatabase(error);
    return undefined;
}

function fromDatabase(error: pg.DatabaseError): StorageError {
    switch (error.code) {
        case "42501":
            return refuse.accessDenied(
                error.message.includes("row-level security")
                    ? "new row violates row-level security policy"
                    : error.message,
            );
        case "23505":
            return refuse.duplicate(duplicateCodes[error.table ?? ""]);
        case "23503":
            return new StorageError(404, "InvalidRequest", "The related resource does not exist");
        case "22P02":
        case "22P05":
        case "22021":
            return new StorageError(400, "InvalidParameter", error.message);
        case "55P03":
            return new StorageError(423, "ResourceLocked", "The resource is locked");
        case "57P01":
        case "57P02":
        case "57P03":
            return refuse.noDatabase(error);
        case "57014":
            return new StorageError(544, "DatabaseTimeout", "The connection to the database timed out");
        case "42703":
        case "42P01":
        case "42883":
            return new StorageError(
                503,
                "DatabaseSchemaMismatch",
                `The database schema is out of sync: ${error.message}`,
            );
        default:
            return new StorageError(500, "DatabaseError", `database error, code: ${error.code}`);
    }
}

const duplicateCodes: Record<string, string> = { buckets: "BucketAlreadyExists", objects: "KeyAlreadyExists" };
