// graphql-eslint's recommended and relay rules for the schema; exceptions are in eslint-exceptions.json.
import { readFileSync } from 'node:fs';
import graphqlPlugin from '@graphql-eslint/eslint-plugin';

const exceptions = JSON.parse(readFileSync(new URL('./eslint-exceptions.json', import.meta.url)));
const off = Object.fromEntries(
  Object.entries(exceptions.rules).map(([rule, { options }]) => [rule, options ?? 'off']),
);

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: {
      parser: graphqlPlugin.parser,
      parserOptions: { graphQLConfig: { schema: ['./extensions/federation.graphql', './schema.graphql'] } },
    },
    plugins: { '@graphql-eslint': graphqlPlugin },
    rules: {
      ...graphqlPlugin.configs['flat/schema-recommended'].rules,
      ...graphqlPlugin.configs['flat/schema-relay'].rules,
      ...off,
    },
  },
];
