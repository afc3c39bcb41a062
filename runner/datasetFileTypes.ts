/**
 * What browsers and tools declare for CSV and Parquet: Windows sends CSV as an Excel type, and most send Parquet as
 * octet-stream. The storage policies check the extension, so the last one lets no other file in.
 */
export const datasetMimeTypes: readonly string[] = [
    "text/csv",
    "application/csv",
    "application/vnd.ms-excel",
    "application/vnd.apache.parquet",
    "application/x-parquet",
    "application/octet-stream",
];
