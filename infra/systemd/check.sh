#!/usr/bin/env bash
# Does systemd understand the unit, and does it still harden what it runs?
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
unit=iotfleet.service
fail() { echo "infra/systemd: $*" >&2; exit 1; }

for wanted in 'ProtectSystem=strict' 'NoNewPrivileges=yes' 'StateDirectory=iotfleet' 'Restart=on-failure' 'KillSignal=SIGTERM' 'LimitNOFILE=' 'TimeoutStopSec='; do
    grep -q "^$wanted" "$unit" || fail "lacks: $wanted"
done

if command -v systemd-analyze >/dev/null; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # The runtime need not be installed where this runs: the unit is checked with a program that is there.
    sed 's#^ExecStart=/usr/bin/dotnet#ExecStart=/bin/true#' "$unit" >"$work/$unit"
    said=$(systemd-analyze verify "$work/$unit" 2>&1 | grep -F "$unit" || true)
    [ -z "$said" ] || fail "$said"
fi

echo "infra/systemd: fine"
