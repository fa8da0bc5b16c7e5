#!/bin/sh
# Puts GraphiQL's prebuilt files into api/explorer/static through the npm client. Never fails: without
# them the explorer is a plain page. Nothing is built, no lock file is left, and a second run is free.
versions="graphiql@3.8.3 react@18.3.1 react-dom@18.3.1"
static="$(dirname "$0")/static"
wanted="react.production.min.js react-dom.production.min.js graphiql.min.js graphiql.min.css"

missing=""
for file in $wanted; do [ -s "$static/$file" ] || missing=yes; done
[ -n "$missing" ] || exit 0

if ! command -v npm >/dev/null 2>&1; then
  echo "explorer: npm is not here, so / serves the plain explorer (install npm and run 'make explorer' for GraphiQL)"
  exit 0
fi

folder="$(mktemp -d)" || exit 0
trap 'rm -rf "$folder"' EXIT
trap 'exit 0' INT TERM
if (
  cd "$folder" &&
    npm pack --silent --ignore-scripts --fetch-retries 1 --fetch-timeout 20000 $versions >/dev/null 2>&1 &&
    for archive in *.tgz; do tar -xzf "$archive" && mv package "${archive%.tgz}" || exit 1; done
); then
  mkdir -p "$static" &&
    cp "$folder"/react-18*/umd/react.production.min.js "$folder"/react-dom-18*/umd/react-dom.production.min.js \
      "$folder"/graphiql-3*/graphiql.min.js "$folder"/graphiql-3*/graphiql.min.css "$static/" &&
    exit 0
fi
echo "explorer: GraphiQL could not be fetched, so / serves the plain explorer (run 'make explorer' to try again)"
exit 0
