// Lints schema.graphql beside this script and prints what was found, as JSON.
import { ESLint } from 'eslint';

const eslint = new ESLint({ overrideConfigFile: 'eslint.config.mjs' });
const results = await eslint.lintFiles(['schema.graphql']);
const told = results.flatMap((result) =>
  result.messages.map(({ ruleId, line, message }) => ({ rule: ruleId, line, message })),
);
process.stdout.write(JSON.stringify(told));
