// Three subgraphs over one answer of omnibis: openBIS, the links, OMERO; in memory, each request
// delayed. Prints the addresses and the composed supergraph as one line of JSON.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { composeServices } from "@apollo/composition";
import { buildSubgraphSchema, printSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { createYoga } from "graphql-yoga";

const data = JSON.parse(readFileSync(process.argv[2], "utf8"));
let latency = 0;
createInterface({ input: process.stdin }).on("line", (line) => {
  latency = Number(line);
  process.stdout.write(`${latency}\n`);
});

const samples = data.project.samples.edges.map((edge) => edge.node);
const byCode = new Map(samples.map((sample) => [sample.code, sample]));
const datasets = new Map();
samples.forEach((sample, number) => {
  if (sample.imaging.dataset) {
    sample.imaging.dataset.omeroId = number;
    datasets.set(String(number), sample.imaging.dataset);
  }
});
const head = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])\n`;

const graphs = {
  openbis: {
    typeDefs: `${head}
      type Query { project(identifier: String): Project }
      type Project { code: String! samples(first: Int, type: String): SampleConnection }
      type SampleConnection { totalCount: Int edges: [SampleEdge!]! }
      type SampleEdge { node: Sample! }
      type Type { code: String! }
      type Property { code: String! value: String }
      type OmicsDataset { type: Type! }
      type Sample @key(fields: "code") {
        code: String! type: Type! properties: [Property!]!
        ancestors(type: String): [Ancestor!]! omicsDatasets: [OmicsDataset!]
      }
      type Ancestor { code: String! }`,
    resolvers: {
      Query: { project: () => data.project },
      Sample: { __resolveReference: ({ code }) => byCode.get(code) },
    },
  },
  links: {
    typeDefs: `${head}
      type Sample @key(fields: "code") { code: String! imaging: Imaging! }
      type Imaging { status: String! dataset: ImageDataset }
      type ImageDataset @key(fields: "omeroId", resolvable: false) { omeroId: ID! }`,
    resolvers: { Sample: { __resolveReference: ({ code }) => byCode.get(code) } },
  },
  omero: {
    typeDefs: `${head}
      type ImageDataset @key(fields: "omeroId") { omeroId: ID! images(first: Int): ImageConnection }
      type ImageConnection { totalCount: Int edges: [ImageEdge!]! }
      type ImageEdge { node: Image! }
      type Quantity { value: Float! unit: String! }
      type PixelSize { x: Quantity }
      type Channel { name: String }
      type Objective { magnification: Float }
      type KeyValue { key: String! value: String! }
      type Image {
        name: String! sizeX: Int pixelSize: PixelSize channels: [Channel!] objective: Objective
        keyValues: [KeyValue!]
      }`,
    resolvers: { ImageDataset: { __resolveReference: ({ omeroId }) => datasets.get(String(omeroId)) } },
  },
};

const services = [];
for (const [name, graph] of Object.entries(graphs)) {
  const typeDefs = parse(graph.typeDefs);
  const schema = buildSubgraphSchema([{ typeDefs, resolvers: graph.resolvers }]);
  const yoga = createYoga({ schema, logging: false, graphiql: false, maskedErrors: false });
  const server = createServer((request, response) => {
    if (latency) setTimeout(() => yoga(request, response), latency);
    else yoga(request, response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const url = `http://127.0.0.1:${server.address().port}/graphql`;
  services.push({ name, url, typeDefs: parse(printSubgraphSchema(schema)) });
}
const composed = composeServices(services);
if (composed.errors) throw composed.errors[0];
process.stdout.write(`${JSON.stringify({ supergraph: composed.supergraphSdl })}\n`);
