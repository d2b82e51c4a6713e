#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes what a upsd with TLS needs in DIR: ca.pem, other.pem (a CA that signed nothing here), and the NSS database db/
# with the certificate "upsd" for 127.0.0.1, never for localhost. Debian's upsd does TLS through NSS.
set -euo pipefail
dir=${1:?usage: certificates.sh DIR}
command -v certutil pk12util openssl >/dev/null || exit 77
mkdir -p "$dir/db"
cd "$dir"
exec 2>make.log
for ca in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$ca.key" -out "$ca.pem" -subj "/CN=$ca" -days 2
done
openssl req -newkey rsa:2048 -nodes -keyout upsd.key -out upsd.csr -subj /CN=upsd
printf 'subjectAltName=IP:127.0.0.1\n' >upsd.ext
openssl x509 -req -in upsd.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out upsd.pem -days 2 -extfile upsd.ext
openssl pkcs12 -export -in upsd.pem -inkey upsd.key -name upsd -out upsd.p12 -passout pass:x
certutil -N -d sql:db --empty-password
pk12util -i upsd.p12 -d sql:db -W x -K '' >/dev/null
certutil -A -n ca -t C,, -d sql:db -i ca.pem
