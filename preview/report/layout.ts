import * as dagre from "@dagrejs/dagre";

export interface Point {
    readonly x: number;
    readonly y: number;
}

export interface Size {
    readonly width: number;
    readonly height: number;
}

/** Where everything stands, in the units of the sizes. */
export interface Layout {
    /** The middle of each node, by its number; nodes without an edge are left out. */
    readonly nodes: ReadonlyMap<number, Point>;
    /** The bends of each edge, from border to border, in the order of the edges. */
    readonly edges: readonly (readonly Point[])[];
}

/** What is used of dagre. Its own types name files in a way that Node's resolution of modules does not find. */
interface Dagre {
    readonly Graph: new (options: { multigraph: boolean }) => DagreGraph;
    readonly layout: (graph: DagreGraph) => void;
}

interface DagreGraph {
    setGraph(label: object): void;
    setNode(name: string, label: object): void;
    setEdge(from: string, to: string, label: object, name: string): void;
    node(name: string): Point;
    nodes(): string[];
    edge(from: string, to: string, name: string): { readonly points: readonly Point[] };
}

const { Graph, layout } = dagre as unknown as Dagre;

/** Lays out a graph from left to right, along its edges. */
export function laidOut(sizes: readonly Size[], edges: readonly (readonly [from: number, to: number])[]): Layout {
    if (edges.length === 0) return { nodes: new Map(), edges: [] };
    const graph = new Graph({ multigraph: true });
    graph.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 48, marginx: 4, marginy: 4 });
    for (const node of new Set(edges.flat())) graph.setNode(String(node), { ...sizes[node] });
    for (const [index, [from, to]] of edges.entries()) graph.setEdge(String(from), String(to), {}, String(index));
    layout(graph);
    return {
        nodes: new Map(graph.nodes().map(name => [Number(name), graph.node(name)])),
        edges: edges.map(([from, to], index) => graph.edge(String(from), String(to), String(index)).points),
    };
}
