#!/usr/bin/env bash
# What other people's programs make of the fleet's certificates, enrolment, lists and answers: a cookbook that is also a test (docs/pki.md).
#
#   pki-cookbook.sh HTTPS_PORT MQTT_PORT STATUS_PORT ROOT ADMIN_KEY_FILE OUT
#
#   HTTPS_PORT, MQTT_PORT, STATUS_PORT   of a server on this machine; STATUS_PORT speaks plain HTTP
#   ROOT            the fleet's root certificate, PEM
#   ADMIN_KEY_FILE  an administrator's API key, as the server's first start writes it
#   OUT             an empty folder to work in
#
# Prints one line a step, "ok N - what" or "not ok N - what" (TAP), what a failed step printed as lines that begin with #, and the plan "1..N" at its end.
# Exit status: 0 all ok, 1 not, 2 wrong usage. Needs curl, openssl, certtool, ocsptool, gnutls-cli, mosquitto_pub.
set -uo pipefail

usage() { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$#" -eq 6 ] || usage
https=$1 mqtt=$2 status=$3 root=$(realpath "$4") key_file=$(realpath "$5")
mkdir -p "$6" && cd "$6" || exit 2
umask 077
est=https://localhost:$https/.well-known/est
api=https://localhost:$https/api/v1
steps=0 failed=0

# step WHAT COMMAND...: one line of the report.
step() {
    local what=$1
    shift
    steps=$((steps + 1))
    if "$@" >step.log 2>&1 </dev/null; then
        echo "ok $steps - $what"
    else
        failed=$((failed + 1))
        echo "not ok $steps - $what"
        sed 's/^/# /' step.log | head -30
    fi
}

not() { if "$@"; then return 1; fi; }
prints() { local wanted=$1; shift; "$@" >printed 2>&1; cat printed; grep -q -- "$wanted" printed; }
fails_with() { local wanted=$1; shift; if "$@" >printed 2>&1; then cat printed; return 1; fi; cat printed; grep -q -- "$wanted" printed; }

# ---- the server's REST interface, as an operator uses it
# The key reaches curl through a file: on the command line every user of the machine could read it.
printf 'header = "Authorization: Bearer %s"\n' "$(tr -d '\r\n' <"$key_file")" >operator.curl
operator() { # METHOD PATH [JSON]
    local method=$1 path=$2
    curl -sS --fail-with-body --cacert "$root" --config operator.curl -X "$method" ${3+-H 'Content-Type: application/json' --data "$3"} "$api$path"
}
field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' | head -1; }
new_token() { operator POST /tokens "{\"name\":\"cookbook\"${1+,$1}}" | field secret; }

# ---- signing requests
new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve -out "$1.key" 2>/dev/null; }
request() { # NAME [openssl req arguments]: NAME.b64 by NAME.key
    local name=$1
    shift
    openssl req -new -key "$name.key" -subj "/CN=$name" -outform DER "$@" | openssl base64 >"$name.b64"
}

# ---- EST with curl. est_post NAME OPERATION [curl arguments]: NAME.answer and NAME.head; prints the status
est_post() {
    local name=$1 operation=$2
    shift 2
    curl -sS --cacert "$root" -D "$name.head" -o "$name.answer" -w '%{http_code}\n' -H 'Content-Type: application/pkcs10' --data-binary "@$name.b64" "$@" "$est/$operation"
}
header() { tr -d '\r' <"$1.head" | sed -n "s/^$2: *//Ip" | tail -1; }
certificates_in() { openssl base64 -d -in "$1" | openssl pkcs7 -inform DER -print_certs | sed -n '/BEGIN/,/END/p'; }
expect_status() { local wanted=$1 got; shift; got=$("$@"); echo "status $got, wanted $wanted"; [ "$got" = "$wanted" ]; }
in_lines_of_64() { awk 'length > 64 { bad = 1 } length == 64 { full = 1 } END { exit bad || !full }' "$1"; }
has_length_of() { [ "$(header "$1" Content-Length)" = "$(wc -c <"$2" | tr -d ' ')" ] && [ -z "$(header "$1" Transfer-Encoding)" ]; }

cacerts() { curl -sS --fail --cacert "$root" -D cacerts.head -o cacerts.answer "$est/cacerts" && certificates_in cacerts.answer >cas.pem && grep -q BEGIN cas.pem; }
root_is_among() { openssl x509 -in "$root" -outform DER | openssl sha256 >wanted; split_pem cas.pem ca; for file in ca-*.pem; do openssl x509 -in "$file" -outform DER | openssl sha256 | cmp -s - wanted && return 0; done; return 1; }
split_pem() { awk -v name="$2" '/BEGIN CERT/ { n++ } n { print > (name "-" n ".pem") }' "$1"; }
issuer_of() { # the authority among cas.pem that signed a certificate
    local id file
    id=$(openssl x509 -in "$1" -noout -ext authorityKeyIdentifier | sed -n '2s/ *\(keyid:\)\{0,1\}//p' | tr -d ' ')
    for file in ca-*.pem; do
        [ "$(openssl x509 -in "$file" -noout -ext subjectKeyIdentifier | sed -n '2p' | tr -d ' ')" = "$id" ] && { cat "$file"; return 0; }
    done
    return 1
}

step "curl fetches cacerts, openssl reads it" cacerts
step "cacerts holds the root" root_is_among
step "cacerts is in lines of 64 characters" in_lines_of_64 cacerts.answer
step "cacerts comes with its length, not in chunks" has_length_of cacerts cacerts.answer
step "cacerts says what it is" prints 'application/pkcs7-mime' header cacerts Content-Type
openssl base64 -d -in cacerts.answer -out cacerts.der
step "certtool reads cacerts" prints 'BEGIN CERTIFICATE' certtool --p7-info --inder --infile cacerts.der
step "openssl cms reads cacerts" prints 'certificates' openssl cms -cmsout -print -inform DER -in cacerts.der
csrattrs() {
    case $(curl -sS --cacert "$root" -o csrattrs.b64 -w '%{http_code}' "$est/csrattrs") in
        200) openssl base64 -d -in csrattrs.b64 | openssl asn1parse -inform DER ;;
        204) return 0 ;; # RFC 7030 4.5.2: none
        *) return 1 ;;
    esac
}
step "csrattrs is DER, or there are none" csrattrs
step "an operation that is not offered is not found" sh -c 'case $(curl -sS --cacert "$0" -o /dev/null -w "%{http_code}" -X POST "$1/fullcmc") in 404|501) ;; *) exit 1 ;; esac' "$root" "$est"
step "a label that nobody made is not found" expect_status 404 curl -sS --cacert "$root" -o /dev/null -w '%{http_code}\n' "$est/no-such-label/cacerts"

new_key cook-1
request cook-1
token=$(new_token)
step "a first POST without credentials is asked for Basic" expect_status 401 est_post cook-1 simpleenroll
step "and is told the realm" prints '^Basic realm=' header cook-1 WWW-Authenticate
step "curl that waits for the 401 enrols" expect_status 200 est_post cook-1 simpleenroll --anyauth -u "cook-1:$token"
certificates_in cook-1.answer >cook-1.pem
step "the answer says what it is" prints 'application/pkcs7-mime; smime-type=certs-only' header cook-1 Content-Type
step "the answer is in lines of 64 characters" in_lines_of_64 cook-1.answer
step "the answer comes with its length, not in chunks" has_length_of cook-1 cook-1.answer
step "the answer holds the one certificate and nothing else" test "$(grep -c BEGIN cook-1.pem)" = 1
issuer_of cook-1.pem >devices.pem
step "openssl verifies it for TLS clients" openssl verify -CAfile "$root" -untrusted devices.pem -purpose sslclient cook-1.pem
step "openssl does not verify it for TLS servers" not openssl verify -CAfile "$root" -untrusted devices.pem -purpose sslserver cook-1.pem
step "certtool verifies it" certtool --verify --load-ca-certificate cas.pem --infile cook-1.pem
step "certtool reads it" prints 'Digital signature' certtool --certificate-info --infile cook-1.pem
step "its one name is the device" prints 'URI:spiffe://device\.[^,]*/cook-1$' openssl x509 -in cook-1.pem -noout -ext subjectAltName
step "its purpose is TLS clients alone" sh -c 'openssl x509 -in cook-1.pem -noout -ext extendedKeyUsage | sed 1d | tr -d " " | grep -qx TLSWebClientAuthentication'
step "its key may sign and nothing else" sh -c 'openssl x509 -in cook-1.pem -noout -ext keyUsage | sed 1d | sed "s/^ *//" | grep -qx "Digital Signature"'
step "it is no authority" prints 'CA:FALSE' openssl x509 -in cook-1.pem -noout -ext basicConstraints
step "its serial number has 16 bytes" sh -c 'openssl x509 -in cook-1.pem -noout -serial | grep -qE "^serial=[0-7][0-9A-F]{31}$"'
step "it is at most 800 bytes long" sh -c '[ "$(openssl x509 -in cook-1.pem -outform DER | wc -c)" -le 800 ]'
step "the same request again gets the same certificate" sh -c '[ "$1" = 200 ] && cmp cook-1.answer again.answer' sh "$(cp cook-1.b64 again.b64; est_post again simpleenroll -u "cook-1:$token")"
tr -d '\n' <cook-1.b64 >again.b64
step "a request in one line is read, too" expect_status 200 est_post again simpleenroll -u "cook-1:$token"
step "over TLS 1.2, too" expect_status 200 est_post again simpleenroll -u "cook-1:$token" --tls-max 1.2

# ---- a group whose requests wait for an operator
operator POST /groups '{"id":"cook-queue","approvalRequired":true}' >/dev/null
new_key cook-3
request cook-3
queued() { est_post cook-3 cook-queue/simpleenroll -u "cook-3:$queue_token"; }
queue_token=$(new_token '"group":"cook-queue"')
step "a request that waits for approval is answered with 202" expect_status 202 queued
step "and with when to come back, in seconds" prints '^[1-9][0-9]*$' header cook-3 Retry-After
step "the same request again still waits" expect_status 202 queued
step "an operator approves it" operator POST "/approvals/$(operator GET /approvals | field id)/approve"
step "the same request again gets its certificate" expect_status 200 queued
certificates_in cook-3.answer >cook-3.pem
step "which openssl verifies" openssl verify -CAfile "$root" -untrusted devices.pem -purpose sslclient cook-3.pem

# ---- the next certificate, by the present one
new_key cook-4
request cook-4
step "a device that will renew enrols" expect_status 200 est_post cook-4 simpleenroll -u "cook-4:$(new_token)"
certificates_in cook-4.answer >cook-4.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve -out cook-5.key 2>/dev/null
request cook-5 -subj /CN=cook-4
present=(--cert cook-4.pem --key cook-4.key)
step "simplereenroll without a certificate is refused" expect_status 401 est_post cook-5 simplereenroll
step "simplereenroll by the present certificate, with a new key" expect_status 200 est_post cook-5 simplereenroll "${present[@]}"
certificates_in cook-5.answer >cook-5.pem
step "openssl verifies the next certificate" openssl verify -CAfile "$root" -untrusted devices.pem -purpose sslclient cook-5.pem
step "it has the same names" sh -c 'names() { openssl x509 -in "$1" -noout -subject -ext subjectAltName; }; [ "$(names cook-4.pem)" = "$(names cook-5.pem)" ]'
step "and another key" sh -c '[ "$(openssl x509 -in cook-4.pem -noout -pubkey)" != "$(openssl x509 -in cook-5.pem -noout -pubkey)" ]'
request cook-6 -key cook-5.key
step "simplereenroll under another name is refused" expect_status 400 est_post cook-6 simplereenroll "${present[@]}"
step "the next certificate connects" sh -c 'timeout 20 mosquitto_pub -h localhost -p "$1" --cafile "$0" --cert cook-5.pem --key cook-5.key -V mqttv5 -q 1 -i cook-4 -t devices/cook-4/telemetry -m "{\"cook\":4}"' "$root" "$mqtt"

# ---- requests that get nothing
enrol_fails() { # WHAT STATUS NAME: what is in NAME.b64
    step "$1" expect_status "$2" est_post "$3" simpleenroll -u "$3:$(new_token)"
}
openssl req -new -key cook-1.key -subj / -outform DER | openssl base64 >cook-2.b64
enrol_fails "a key of another device is a conflict" 409 cook-2
new_key bad
request bad -sha1
enrol_fails "a request signed with SHA-1 is refused" 400 bad
request bad -addext basicConstraints=critical,CA:TRUE
enrol_fails "a request for an authority is refused" 400 bad
request bad -addext subjectAltName=URI:spiffe://evil.example/bad
enrol_fails "a request for another name is refused" 400 bad
request bad -addext extendedKeyUsage=serverAuth
enrol_fails "a request for a server is refused" 400 bad
openssl req -new -key bad.key -subj /CN=bad -out bad.b64
enrol_fails "a request in PEM armour is refused with a word about it" 400 bad
step "and says so" grep -qi pem bad.answer
request bad
dd if=/dev/zero bs=1 count=20 2>/dev/null | openssl base64 >bad.b64
enrol_fails "what is no request is refused" 400 bad
head -c 30000 /dev/zero | openssl base64 >bad.b64
enrol_fails "what is too large is refused" 413 bad
request bad
step "another content type is refused" expect_status 415 est_post bad simpleenroll -u "bad:$(new_token)" -H 'Content-Type: application/json'
step "a wrong token is refused" expect_status 401 est_post bad simpleenroll -u bad:ift_wrong
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out bad.key 2>/dev/null
request bad
enrol_fails "an RSA key of 1024 bits is refused" 400 bad
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out bad.key 2>/dev/null
request bad
enrol_fails "an RSA key with exponent 3 is refused" 400 bad
openssl ecparam -name secp256k1 -genkey -noout -out bad.key
request bad
enrol_fails "a key of another curve is refused" 400 bad
openssl ecparam -name prime256v1 -param_enc explicit -genkey -noout -out bad.key
request bad
enrol_fails "a curve by its parameters is refused" 400 bad
openssl genpkey -algorithm ED25519 -out bad.key
request bad
enrol_fails "an Ed25519 key is refused" 400 bad

# ---- the MQTT port
client=(openssl s_client -connect "localhost:$mqtt" -servername localhost -CAfile "$root" -verify_return_error)
mine=(-cert cook-1.pem -key cook-1.key)
connects() { printf 'Q\n' | timeout 20 "${client[@]}" "$@"; }
step "openssl connects with TLS 1.3" prints 'Verify return code: 0' connects "${mine[@]}" -tls1_3
step "openssl connects with TLS 1.2" prints 'Verify return code: 0' connects "${mine[@]}" -tls1_2
step "openssl gets no session ticket" not prints 'New Session Ticket arrived' connects "${mine[@]}" -tls1_3
step "nothing is stapled unless the server is told to" prints 'OCSP response: no response sent' connects "${mine[@]}" -tls1_3 -status
step "openssl exports the channel binding of TLS 1.3 (RFC 9266)" prints 'Keying material: [0-9A-F]\{64\}' connects "${mine[@]}" -tls1_3 -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32
step "TLS 1.1 is not spoken" not connects "${mine[@]}" -tls1_1 -cipher DEFAULT@SECLEVEL=0
renegotiates() { { sleep 1; printf 'R\n'; sleep 2; } | timeout 20 "${client[@]}" "${mine[@]}" -tls1_2; }
step "renegotiation is refused" fails_with RENEGOTIATING renegotiates
step "gnutls-cli connects" sh -c 'timeout 20 gnutls-cli --x509cafile "$0" --x509certfile cook-1.pem --x509keyfile cook-1.key -p "$1" localhost </dev/null 2>&1 | grep "Handshake was completed"' "$root" "$mqtt"
publish() { timeout 20 mosquitto_pub -h localhost -p "$mqtt" --cafile "$root" --cert cook-1.pem --key cook-1.key -V mqttv5 -q 1 -t "devices/cook-1/telemetry" -m '{"cook":1}' "$@"; }
step "mosquitto_pub publishes" publish -i cook-1
step "mosquitto_pub with another client id does not" not publish -i cook-2
step "what it published is stored" prints '"cook":1' operator GET /telemetry/cook-1/latest

# ---- lists and OCSP, for third parties
if [ "$status" -gt 0 ]; then
    public=http://localhost:$status
    list_of() { openssl x509 -in "$1" -noout -ext crlDistributionPoints | sed -n 's#.*URI:[a-z]*://[^/]*##p' | head -1; }
    fetch() { curl -sS --fail "$public$1" -o "$2" -D fetch.head; }
    fetch_soon() { for _ in $(seq 100); do fetch "$1" "$2" && return 0; sleep 0.2; done; return 1; } # lists are made beside the server's work
    as_pem() { openssl crl -inform DER -in "$1.crl" -out "$1-crl.pem"; }
    own=$(list_of cook-1.pem)
    shard=${own##*/} shard=${shard%.crl}
    root_id=$(openssl x509 -in "$root" -noout -ext subjectKeyIdentifier | sed -n 2p | tr -d ' :' | tr 'A-F' 'a-f')
    verify() { openssl verify -crl_check_all "$@" -CAfile "$root" -untrusted devices.pem cook-1.pem; }
    ask() { openssl ocsp -issuer devices.pem -url "$public/ocsp" -CAfile "$root" -verify_other devices.pem "$@"; }

    step "the certificate names its list" test -n "$own"
    step "the list is there" fetch_soon "$own" own.crl
    step "it says what it is" prints 'application/pkix-crl' header fetch Content-Type
    step "it has an ETag for those who keep it" test -n "$(header fetch ETag)"
    step "openssl verifies the list" prints 'verify OK' openssl crl -inform DER -in own.crl -CAfile devices.pem -noout -verify
    as_pem own
    step "certtool verifies the list" certtool --verify-crl --load-ca-certificate devices.pem --infile own-crl.pem
    step "its distribution point is critical" prints 'Issuing Distribution Point: critical' openssl crl -inform DER -in own.crl -noout -text
    step "the root's list is there" fetch_soon "/crl/$root_id/0.crl" root.crl
    as_pem root
    { cat own-crl.pem; echo; cat root-crl.pem; } >lists.pem # concatenated PEMs need a newline between them
    step "openssl verify -crl_check_all is content" verify -CRLfile lists.pem
    step "and with -extended_crl" verify -extended_crl -CRLfile lists.pem
    other=$((shard == 0 ? 1 : 0))
    step "the list of another shard is there" fetch_soon "${own%/*}/$other.crl" other.crl
    as_pem other
    { cat other-crl.pem; echo; cat root-crl.pem; } >wrong.pem
    step "and does not stand in for its own (error 44)" fails_with 'error 44' verify -CRLfile wrong.pem
    step "a list past its time is no list (error 12)" fails_with 'error 12' verify -attime "$(($(date +%s) + 90000))" -CRLfile lists.pem
    step "the issuer can be fetched" sh -c 'curl -sS --fail "$0" | openssl x509 -inform DER -outform DER | openssl sha256 >a && openssl x509 -in devices.pem -outform DER | openssl sha256 | cmp - a' \
        "$public$(openssl x509 -in cook-1.pem -noout -text | sed -n 's#.*CA Issuers - URI:[a-z]*://[^/]*##p')"

    step "openssl ocsp: good" prints 'cook-1.pem: good' ask -cert cook-1.pem
    step "its answer is verified" prints 'Response verify OK' ask -cert cook-1.pem
    step "openssl ocsp by SHA-256: good" prints 'cook-1.pem: good' ask -sha256 -cert cook-1.pem
    step "openssl ocsp without a nonce: good" prints 'cook-1.pem: good' ask -no_nonce -cert cook-1.pem
    step "openssl ocsp of a number that nobody got: unknown" prints ': unknown' ask -serial 0x4711
    step "openssl ocsp about another issuer: unauthorized" fails_with 'unauthorized' openssl ocsp -issuer "$root" -cert cook-1.pem -url "$public/ocsp" -noverify
    openssl ocsp -issuer devices.pem -cert cook-1.pem -no_nonce -reqout question.der >/dev/null 2>&1
    in_path=$(openssl base64 -A -in question.der | sed 's#+#%2B#g; s#/#%2F#g; s#=#%3D#g')
    step "curl asks by GET" fetch "/ocsp/$in_path" answer.der
    step "and may keep the answer" prints 'max-age' header fetch Cache-Control
    step "and openssl reads it" prints 'cook-1.pem: good' openssl ocsp -issuer devices.pem -cert cook-1.pem -respin answer.der -CAfile "$root" -verify_other devices.pem
    step "ocsptool: good" prints 'Certificate Status: good' ocsptool --ask="$public/ocsp" --load-issuer devices.pem --load-cert cook-1.pem --load-trust cas.pem

    step "an operator revokes the device" operator POST /devices/cook-1/revoke '{"reason":"keyCompromise"}'
    step "openssl ocsp: revoked, at once" prints 'cook-1.pem: revoked' ask -cert cook-1.pem
    step "ocsptool: revoked" prints 'Certificate Status: revoked' ocsptool --ask="$public/ocsp" --load-issuer devices.pem --load-cert cook-1.pem --load-trust cas.pem
    listed() { for _ in $(seq 100); do fetch "$own" own.crl && openssl crl -inform DER -in own.crl -noout -text | grep -qi "$(openssl x509 -in cook-1.pem -noout -serial | cut -d= -f2)" && return 0; sleep 0.2; done; return 1; }
    step "its list names it soon" listed
    as_pem own
    { cat own-crl.pem; echo; cat root-crl.pem; } >lists.pem
    step "openssl verify -crl_check_all: revoked (error 23)" fails_with 'error 23' verify -CRLfile lists.pem
    step "mosquitto_pub of the revoked device is turned away" not publish -i cook-1
    step "certtool: revoked" fails_with 'revoked' certtool --verify --load-ca-certificate cas.pem --load-crl own-crl.pem --infile cook-1.pem
fi

echo "1..$steps"
[ "$failed" -eq 0 ]
