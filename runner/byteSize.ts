const units = ["bytes", "kB", "MB", "GB", "TB"];

/** A size for people, in powers of 1024: `812 bytes`, `1.4 MB`. */
export function byteSize(bytes: number): string {
    let size = bytes;
    let unit = 0;
    while (size >= 1024 && unit < units.length - 1) {
        size /= 1024;
        unit += 1;
    }
    return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
