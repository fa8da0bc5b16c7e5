#!/bin/sh
# Builds the explorer's sources (web/) into static/ through npm. Never fails: without it `/` is a plain
# page that says what is missing. Leaves no lock file; a second run without changes is free.
here="$(cd "$(dirname "$0")" && pwd)"
web="$here/web"
built="$here/static/index.html"

[ -s "$built" ] && [ -z "$(find "$web" -path "$web/node_modules" -prune -o -type f -newer "$built" -print)" ] && exit 0

if ! command -v npm >/dev/null 2>&1; then
  echo "explorer: npm is not here, so / serves the plain page (install Node 20 or newer with npm, then run 'make explorer')"
  exit 0
fi

log="$(mktemp)" || exit 0
trap 'rm -f "$log"' EXIT
if (
  cd "$web" &&
    npm install --no-package-lock --no-audit --no-fund --ignore-scripts --fetch-retries 1 --fetch-timeout 20000 >"$log" 2>&1 &&
    npm run --silent build >>"$log" 2>&1
); then
  exit 0
fi
echo "explorer: it could not be built, so / serves the plain page; the last lines of npm:"
tail -n 5 "$log" | sed 's/^/  /'
exit 0
