// graphql-js 17 and graphql-jit over the same objects: each line names one, the answer is its
// milliseconds from the parsed document to the text of the answer.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import * as js17 from "graphql-17";
import { buildSchema, parse } from "graphql";
import { compileQuery } from "graphql-jit";

const [schemaFile, queryFile, dataFile] = process.argv.slice(2);
const sdl = readFileSync(schemaFile, "utf8");
const query = readFileSync(queryFile, "utf8");
const root = JSON.parse(readFileSync(dataFile, "utf8"));
const schema17 = js17.buildSchema(sdl, { assumeValid: true, assumeValidSDL: true });
const document17 = js17.parse(query);
const schema16 = buildSchema(sdl, { assumeValid: true, assumeValidSDL: true });
const plain = compileQuery(schema16, parse(query));
const quick = compileQuery(schema16, parse(query), undefined, { customJSONSerializer: true });

const works = {
  js: () => JSON.stringify(js17.execute({ schema: schema17, document: document17, rootValue: root })),
  jit: () => JSON.stringify(plain.query(root, {}, {})),
  ...(quick.query && { "jit-serializer": () => quick.stringify(quick.query(root, {}, {})) }),
  stringify: () => JSON.stringify({ data: root }),
};

if (!plain.query) throw plain.errors[0];
if (!quick.query) process.stderr.write(`graphql-jit's own serializer: ${quick.errors[0]}\n`);

createInterface({ input: process.stdin }).on("line", (name) => {
  if (name.startsWith("text ") && works[name.slice(5)]) {
    process.stdout.write(works[name.slice(5)]().replaceAll("\n", " ") + "\n");
    return;
  }
  if (!works[name]) {
    process.stdout.write("none\n");
    return;
  }
  const started = process.hrtime.bigint();
  const text = works[name]();
  const spent = Number(process.hrtime.bigint() - started) / 1e6;
  if (text.length < 1000) throw new Error(text);
  process.stdout.write(`${spent}\n`);
});
