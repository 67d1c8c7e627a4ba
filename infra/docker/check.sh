#!/usr/bin/env bash
# Does the Dockerfile still fit the repository? Everything that can be said without a Docker engine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=../..
fail() { echo "infra/docker: $*" >&2; exit 1; }

if command -v hadolint >/dev/null; then hadolint --ignore DL3008 Dockerfile; fi

# every file that is copied from the repository exists and is let through by the ignore file
sed -n 's/^COPY \(.*\) [^ ]*$/\1/p' Dockerfile | grep -v -- '--from=' | tr ' ' '\n' | while read -r source; do
    [ -e "$root/$source" ] || fail "COPY $source: no such file"
    name=${source%/}
    grep -qx "!${name}" Dockerfile.dockerignore || case "$name" in
        Directory.*) grep -qx '!Directory.\*' Dockerfile.dockerignore ;;
        *) false ;;
    esac || fail "COPY $source: kept out by Dockerfile.dockerignore"
done

# what the server project references is below src/, which is all that the build stage gets
if grep -rho 'ProjectReference Include="[^"]*"' "$root/src" --include=*.csproj | grep -q 'Include="\.\./\.\./'; then fail "a project below src/ references one outside it"; fi

last_stage=$(awk '/^FROM /{ stage = "" } { stage = stage $0 "\n" } END { printf "%s", stage }' Dockerfile)
for wanted in 'USER \$APP_UID' 'VOLUME /data' 'HEALTHCHECK ' 'libsqlite3-0' 'STOPSIGNAL SIGTERM' 'ENTRYPOINT \["dotnet", "/app/IoTFleet.Server.dll"\]'; do
    grep -q "$wanted" <<<"$last_stage" || fail "the final stage lacks: $wanted"
done
if grep -Eq '^FROM [^ ]+(:latest)?$' <<<"$(grep '^FROM' Dockerfile | grep -v ':')"; then fail "an image without a version"; fi
if grep -Eq '^(ADD |RUN .*(curl|wget) )' Dockerfile; then fail "downloads something that no package manager checks"; fi
[ "$(sed -n 's/.*"version": "\([0-9]*\.[0-9]*\).*/\1/p' "$root/global.json")" = "$(sed -n 's/^FROM .*sdk:\([0-9.]*\).*/\1/p' Dockerfile)" ] || fail "the SDK image is another version than global.json asks for"

echo "infra/docker: fine"
