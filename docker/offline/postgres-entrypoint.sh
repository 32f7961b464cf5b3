#!/bin/bash
# Does what the official image's entrypoint does with the variables that docker-compose.yml sets; runs anything but postgres as it is.
set -euo pipefail
[[ ${1:-} == postgres ]] || exec "$@"
data=/var/lib/postgresql/data
install -d -o postgres -m 0700 "$data"
install -o postgres -m 0400 "$POSTGRES_PASSWORD_FILE" /tmp/password
if [[ ! -s $data/PG_VERSION ]]; then
  # The arguments are a list.
  # shellcheck disable=SC2086
  runuser -u postgres -- initdb -D "$data" -U postgres --pwfile=/tmp/password $POSTGRES_INITDB_ARGS
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
  runuser -u postgres -- pg_ctl -D "$data" -o '-c listen_addresses=' -o '-c unix_socket_directories=/tmp' -w start
  PGPASSWORD=$(</tmp/password) psql -h /tmp -U postgres -c "CREATE DATABASE $POSTGRES_DB"
  runuser -u postgres -- pg_ctl -D "$data" -w stop
fi
exec runuser -u postgres -- "$@" -D "$data" -c 'listen_addresses=*' -c unix_socket_directories=/tmp
