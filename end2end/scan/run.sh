#!/usr/bin/env bash
# Holds scanners against the release build behind a TLS proxy. `make scan` calls it. What they said is in target/scan.
set -eu
cd "$(dirname "$0")/.."

SCAN_TLS=$(mktemp -d)
trap 'rm -rf "$SCAN_TLS"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$SCAN_TLS/key.pem" -out "$SCAN_TLS/certificate.pem" 2>/dev/null
export SCAN_TLS
# Whatever runs in Node trusts it, as it would a real one: the observatory takes points off for others.
export NODE_EXTRA_CA_CERTS="$SCAN_TLS/certificate.pem"

# The observatory's installation would download the list of hosts that browsers know for https; this one isn't among them.
echo '{}' >scan/node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json

mkdir -p ../target/scan
npx tsc --noEmit --project scan
npx playwright test --config scan/playwright.config.ts "$@"
