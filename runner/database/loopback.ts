/** How the embedded server names itself, in cluster_name: at an address of this machine a real one may answer, through a tunnel. */
export const embeddedCluster = "simulation_db_embedded";

/** True for the names of this machine, where there is no network to protect. */
export function isLoopback(host: string): boolean {
    const bare = host.replace(/^\[(.*)\]$/, "$1");
    return bare === "localhost" || bare === "::1" || /^127(\.\d{1,3}){3}$/.test(bare);
}
