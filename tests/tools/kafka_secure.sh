# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by kafka.sh, which sets dir, here and the functions used
# A broker with TLS, SASL/PLAIN and access control: one user per role of fleetlog, one administrator, one stranger.
# Not SCRAM: librdkafka before 2.6.1 repeats its nonce, which brokers since 3.8.1 refuse (librdkafka #4895).
#   DIR/secure/ca.pem             who signed the broker's certificate
#   DIR/secure/NAME.properties    of the Java tools, as that user; admin.properties may do everything
#   DIR/secure/fleetlog.conf      [kafka] and [kafka.ROLE], each role as its own user
#   DIR/secure/bin/kafka-acls.sh  Kafka's own command

secure_users() { # the roles and who has none
  printf 'admin\nfleetlog-stranger\n'
  sed -n 's/^FL_ROLE(\(.*\))$/fleetlog-\1/p' "$top/core/kafka_roles.def"
}

secure_password() { sed -n "s/^$1 //p" "$dir/secure/passwords"; }

secure_certificates() {
  local at=$dir/secure
  openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=fleetlog-test-ca -keyout "$at/ca.key" -out "$at/ca.pem"
  openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout "$at/server.key" -out "$at/server.csr"
  openssl x509 -req -in "$at/server.csr" -CA "$at/ca.pem" -CAkey "$at/ca.key" -CAcreateserial -days 2 \
    -extfile <(printf 'subjectAltName=IP:127.0.0.1\n') -out "$at/server.crt"
  cat "$at/server.key" "$at/server.crt" >"$at/server.pem"
}

secure_client() { # USER: properties of Kafka's own tools
  printf 'security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.type=PEM\n'
  printf 'ssl.truststore.location=%s\n' "$dir/secure/ca.pem"
  printf 'sasl.jaas.config=%s;\n' "$(secure_jaas "$1")"
}

secure_jaas() { # USER
  printf 'org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s"' \
    "$1" "$(secure_password "$1")"
}

secure_section() { # HEADER USER: a section of fleetlog's configuration
  printf '[%s]\nsasl.username = %s\nsasl.password = %s\n' "$1" "$2" "$(secure_password "$2")"
}

secure_common() { # librdkafka's names; the separator differs between fleetlog's configuration and kcat's
  printf 'security.protocol%ssasl_ssl\nsasl.mechanism%sPLAIN\nssl.ca.location%s%s\n' "$1" "$1" "$1" \
    "$dir/secure/ca.pem"
}

make_secure() {
  local at=$dir/secure user role
  mkdir -p "$at/bin"
  chmod 700 "$at"
  while read -r user; do
    printf '%s %s\n' "$user" "$(head -c 18 /dev/urandom | base64 | tr '+/' 'ab')"
  done < <(secure_users) >"$at/passwords"
  secure_certificates >"$at/openssl.log" 2>&1 || die "cannot make certificates: $(tail -n 2 "$at/openssl.log")"
  while read -r user; do secure_client "$user" >"$at/$user.properties"; done < <(secure_users)
  {
    printf '[kafka]\n'
    secure_common ' = '
    while read -r user; do
      role=${user#fleetlog-}
      [[ $user == admin || $role == stranger ]] || secure_section "kafka.$role" "$user"
    done < <(secure_users)
  } >"$at/fleetlog.conf"
  {
    secure_common '='
    printf 'sasl.username=admin\nsasl.password=%s\n' "$(secure_password admin)"
  } >"$at/kcat.conf"
  printf '#!/bin/sh\nexec java -Xmx64m -XX:TieredStopAtLevel=1 -cp %q org.apache.kafka.tools.AclCommand "$@"\n' \
    "$(class_path)" >"$at/bin/kafka-acls.sh"
  chmod +x "$at/bin/kafka-acls.sh"
}

# Settings behind those of an open broker: the later ones count. The quorum talks to itself without a name.
secure_properties() { # N
  printf 'listeners=SASL_SSL://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n' "${ports[$1]}" "${quorum_ports[$1]}"
  printf 'advertised.listeners=SASL_SSL://127.0.0.1:%d\ninter.broker.listener.name=SASL_SSL\n' "${ports[$1]}"
  printf 'listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT\n'
  printf 'sasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n'
  printf 'listener.name.sasl_ssl.plain.sasl.jaas.config=%s%s;\n' "$(secure_jaas admin)" \
    "$(sed 's/^\([^ ]*\) \(.*\)/ user_\1="\2"/' "$dir/secure/passwords" | tr -d '\n')"
  printf 'ssl.keystore.type=PEM\nssl.keystore.location=%s\n' "$dir/secure/server.pem"
  printf 'ssl.truststore.type=PEM\nssl.truststore.location=%s\n' "$dir/secure/ca.pem"
  printf 'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n'
  printf 'super.users=User:admin;User:ANONYMOUS\n'
}
