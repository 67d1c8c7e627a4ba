#!/usr/bin/env bash
# Is the compose file well-formed, and does it still harden what it runs?
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
fail() { echo "infra/compose: $*" >&2; exit 1; }

if docker compose version >/dev/null 2>&1; then docker compose -f compose.yaml config --quiet; fi

for wanted in 'read_only: true' 'cap_drop: \[ALL\]' 'no-new-privileges:true' '"8883:8883"' '"8443:8443"' 'data:/data' 'stop_grace_period'; do
    grep -q "$wanted" compose.yaml || fail "lacks: $wanted"
done
if grep -q $'\t' compose.yaml; then fail "a tab"; fi
if grep -Eq 'privileged: *true|network_mode: *"?host' compose.yaml; then fail "gives the container the host"; fi
context=$(sed -n 's/^ *context: *//p' compose.yaml)
[ -f "$context/$(sed -n 's/^ *dockerfile: *//p' compose.yaml)" ] || fail "no Dockerfile where the build expects it"

echo "infra/compose: fine"
