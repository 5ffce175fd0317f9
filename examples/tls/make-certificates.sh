#!/bin/sh
# An authority and a server's certificate for trying TLS out, into the folder tls/ beside this script, by openssl.
# Run it again for new ones: a gateway that runs takes them up.
set -eu
cd "$(dirname "$0")"
mkdir -p tls
new=$(mktemp -d tls/new.XXXXXX)
trap 'rm -rf "$new"' EXIT

if [ ! -f tls/ca.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=Try-out authority" \
    -keyout tls/ca.key -out tls/ca.pem 2>/dev/null
fi
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
  -keyout "$new/server.key" -out "$new/server.csr" 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > "$new/server.ext"
openssl x509 -req -in "$new/server.csr" -CA tls/ca.pem -CAkey tls/ca.key -set_serial "0x$(openssl rand -hex 16)" \
  -days 90 -extfile "$new/server.ext" -out "$new/server.pem" 2>/dev/null
# Renamed, so that nobody reads half a file. Between the two the pair does not match: the gateway refuses it and
# goes on with the one before, then takes the new one.
mv "$new/server.key" tls/server.key
mv "$new/server.pem" tls/server.pem
echo "made tls/ca.pem, tls/server.pem, tls/server.key"
