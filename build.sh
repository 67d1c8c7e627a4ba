#!/usr/bin/env bash
# What CI runs, and what a contributor runs before pushing.
#
#   ./build.sh          restore, Release build with warnings as errors, format check, all tests
#   ./build.sh quick    the inner loop: Debug build and tests, no format check
#
# Needs the .NET 10 SDK and bash. A test that needs a program which is not installed says so and is skipped.
# The last line printed is "N passed, N failed, N skipped" over all test projects.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case "${1:-full}" in
    full)  configuration=Release ;;
    quick) configuration=Debug ;;
    *)     sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
results=$PWD/TestResults
passed=0 failed=0 skipped=0

main() {
    step "Restore"
    dotnet restore IoTFleet.sln

    step "Build ($configuration)"
    # An advisory feed that cannot be reached (NU1900, NU1905) does not fail an offline build.
    dotnet build IoTFleet.sln -c "$configuration" --no-restore -warnaserror '-warnnotaserror:NU1900;NU1905'

    if [ "$configuration" = Release ]; then
        step "Format"
        dotnet format IoTFleet.sln --verify-no-changes --no-restore
    fi

    rm -rf "$results"
    local project
    for project in tests/*.Tests/*.Tests.csproj tests/IoTFleet.Conformance/IoTFleet.Conformance.csproj; do
        run_tests "$project"
    done

    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ]
}

run_tests() {
    local project=$1 name status=0
    name=$(basename "$project" .csproj)
    step "$name"
    # A test that shows no life for three minutes is named and ends its run, so that it cannot hang CI.
    in_own_group dotnet test "$project" -c "$configuration" --no-build \
        --results-directory "$results" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
        --blame-hang-timeout 3m --blame-hang-dump-type none || status=$?
    count_results "$results/$name.trx" "$status"
}

# Adds one project's counters to the sums. A run that failed without a failed test (a crash, a hang, no result file) counts as one failure.
count_results() {
    local trx=$1 status=$2 counters="" total here_passed here_failed
    if [ -f "$trx" ]; then counters=$(grep -o -m1 '<Counters [^>]*>' "$trx" || true); fi
    total=$(counter total) here_passed=$(counter passed) here_failed=$(counter failed)
    if [ "$status" -ne 0 ] && [ "$here_failed" -eq 0 ]; then here_failed=1; fi
    passed=$((passed + here_passed))
    failed=$((failed + here_failed))
    # The logger counts a skipped test in the total and as neither executed nor "notExecuted".
    skipped=$((skipped + total - $(counter executed)))
}

counter() {
    local value
    value=$(sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters")
    echo "${value:-0}"
}

# Runs a command as a process group and ends what it leaves behind: a run that was cut short forgets its test process.
group=""
in_own_group() {
    local status=0
    set -m
    "$@" </dev/null &
    group=$!
    set +m
    wait "$group" || status=$?
    end_group
    return "$status"
}
end_group() {
    if [ -n "$group" ]; then kill -KILL -- "-$group" 2>/dev/null || true; fi
    group=""
}
trap end_group EXIT
trap 'exit 130' INT TERM

step() { printf '\n== %s\n' "$1"; }

main
