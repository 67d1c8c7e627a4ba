#!/usr/bin/env bash
# Enrols a device with curl and openssl only, the way a device without our SDK would (EST, RFC 7030). See docs/wire.md.
#
#   enrol.sh SERVER FINGERPRINT DEVICE TOKEN_FILE OUT
#
#   SERVER       https://host:8443
#   FINGERPRINT  SHA-256 of the fleet's root certificate, 64 hex digits, colons allowed; the server prints it
#   DEVICE       the device id
#   TOKEN_FILE   a file that holds the enrolment token, or - to read it from standard input
#   OUT          folder for device.key, device.pem, root.pem and issuers.pem
#
# Run again after a failure, it uses the key in OUT again: the server then gives the same certificate and spends nothing.
# Exit status: 0 enrolled, 1 refused or failed, 2 wrong usage.
set -euo pipefail

usage() { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { printf 'enrol: %s\n' "$*" >&2; exit 1; }

[ "$#" -eq 5 ] || usage
est=${1%/}/.well-known/est
wanted=$(tr -d ':[:space:]' <<<"$2" | tr 'A-F' 'a-f')
device=$3 token_file=$4 out=$5

[[ $est == https://* ]] || fail "SERVER must begin with https://"
[[ $wanted =~ ^[0-9a-f]{64}$ ]] || fail "FINGERPRINT must be 64 hex digits"
[[ $device =~ ^[a-z0-9][a-z0-9._-]{0,62}$ && $device != *. ]] || fail "DEVICE must be 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit and not ending with a dot"
for program in curl openssl; do command -v "$program" >/dev/null || fail "$program is not installed"; done

umask 077
mkdir -p "$out"
work=$(mktemp -d "$out/.enrol.XXXXXX")
trap 'rm -rf "$work"' EXIT

main() {
    fetch_root
    make_key
    request_certificate
    check_certificate
    mv "$work/root.pem" "$work/issuers.pem" "$work/device.pem" "$out/"
    printf 'enrolled %s until %s\n' "$device" "$(openssl x509 -in "$out/device.pem" -noout -enddate | cut -d= -f2)"
}

# The first answer comes over a connection that cannot be trusted yet: only a certificate with the known fingerprint counts,
# and from then on TLS itself is held to it. RFC 7030 4.1.1, "out-of-band" trust.
fetch_root() {
    curl_est "$work/cacerts" --insecure "$est/cacerts" </dev/null
    certificates_of "$work/cacerts" >"$work/all.pem"
    awk -v folder="$work" '/BEGIN CERT/ { n++ } n { print > (folder "/ca-" n ".pem") }' "$work/all.pem"
    local file
    : >"$work/issuers.pem"
    for file in "$work"/ca-*.pem; do
        if [ "$(fingerprint "$file")" = "$wanted" ]; then cp "$file" "$work/root.pem"; else cat "$file" >>"$work/issuers.pem"; fi
    done
    [ -f "$work/root.pem" ] || fail "no certificate of $est/cacerts has the fingerprint $wanted: wrong server or wrong fingerprint"
}

# The key is made here and never leaves. It is kept before the request, so that a retry is a retry of the same request.
make_key() {
    [ -s "$out/device.key" ] || {
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve -out "$work/device.key" 2>/dev/null
        mv "$work/device.key" "$out/device.key"
    }
    openssl req -new -key "$out/device.key" -subj "/CN=$device" -sha256 -outform DER | openssl base64 >"$work/request"
}

# The token reaches curl through its standard input: on the command line every user of the machine could read it.
request_certificate() {
    local token
    token=$(cat "$token_file" | tr -d '\r\n')
    [ -n "$token" ] || fail "$token_file holds no token"
    token=${token//\\/\\\\}
    token=${token//\"/\\\"}
    printf 'user = "%s:%s"\n' "$device" "$token" |
        curl_est "$work/answer" --cacert "$work/root.pem" --config - --header 'Content-Type: application/pkcs10' \
            --data-binary "@$work/request" "$est/simpleenroll"
    certificates_of "$work/answer" >"$work/device.pem"
}

check_certificate() {
    openssl verify -CAfile "$work/root.pem" -untrusted "$work/issuers.pem" -purpose sslclient "$work/device.pem" >/dev/null ||
        fail "the certificate does not chain to the fleet's root"
    [ "$(openssl x509 -in "$work/device.pem" -noout -pubkey)" = "$(openssl pkey -in "$out/device.key" -pubout)" ] ||
        fail "the certificate is for another key"
    openssl x509 -in "$work/device.pem" -noout -ext subjectAltName | grep -q "URI:spiffe://[^/]*/$device\$" ||
        fail "the certificate does not name $device"
}

# curl_est FILE ARGUMENTS...: the body goes to FILE; any status but 200 ends the script with the server's words.
curl_est() {
    local body=$1 status
    shift
    status=$(curl -q --silent --show-error --proto '=https' --tlsv1.2 --max-time 30 --output "$body" --write-out '%{http_code}' "$@") ||
        fail "cannot reach $est"
    [ "$status" = 200 ] || fail "the server answered $status: $(head -c 1000 "$body" 2>/dev/null || true)"
}

# A certs-only PKCS#7 message in base64, wrapped or not (RFC 8951 3.2), as PEM certificates.
certificates_of() {
    { tr -d '[:space:]' <"$1" | fold -w 64; echo; } | openssl base64 -d | openssl pkcs7 -inform DER -print_certs |
        sed -n '/BEGIN CERT/,/END CERT/p' | grep . || fail "the answer holds no certificate"
}

fingerprint() { openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -r | cut -c1-64; }

main
