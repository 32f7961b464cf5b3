#!/usr/bin/env bash
# Runs docker-compose.yml on a real Docker engine without pulling anything, and the demo against it. Needs root (dockerd).
# DOCKER_HOST uses an engine that runs; else a private one is started and stopped. Not part of ./mc test.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

work=${MC_COMPOSE_WORK:-/var/tmp/mission-control-compose}
mkdir -p "$work"
for program in dockerd docker-compose debootstrap; do
  have "$program" || need_packages "Docker and debootstrap" "docker.io docker-compose debootstrap" "docker docker-compose debootstrap" ""
done
need_rust
provide || exit
# Debian's client has BuildKit inside, which leaves stages out that a target does not need.
export PATH=/usr/bin:$PATH DOCKER_BUILDKIT=1 COMPOSE_PROJECT_NAME=mission-control-test
# Nobody's account on this machine, as in production.
export MC_UID=65532 MC_GID=65532 MC_BINARIES=prebuilt MC_SECRETS=$work/secrets MC_PORT=${MC_PORT:-18080}
export MC_POSTGRES_IMAGE=mission-control/offline-stores MC_REDIS_IMAGE=mission-control/offline-stores
dockerd_pid=

finish() {
  local code=$?
  if [[ $code != 0 ]]; then docker-compose logs --tail=30 || true; fi
  docker-compose down -v -t 40 || true
  [[ -z $dockerd_pid ]] || { kill "$dockerd_pid"; wait "$dockerd_pid" || true; }
  exit "$code"
}
trap finish EXIT

if [[ -z ${DOCKER_HOST:-} ]]; then
  export DOCKER_HOST=unix://$work/docker.sock
  say "Starting a private Docker engine in $work"
  dockerd --storage-driver=vfs --data-root="$work/data" --exec-root="$work/exec" --pidfile="$work/docker.pid" \
    -H "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
  dockerd_pid=$!
  for _ in {1..100}; do docker info >/dev/null 2>&1 && break; sleep 0.2; done
fi

# rootfs <image> <packages>: Debian from its package archive instead of a registry.
rootfs() {
  docker image inspect "$1" >/dev/null 2>&1 && return
  local folder
  folder=$work/rootfs-${1//[:\/]/-}
  rm -rf "$folder"
  debootstrap --variant=minbase --include="$2" bookworm "$folder" >"$work/debootstrap.log"
  tar -C "$folder" -c . | docker import - "$1" >/dev/null
  rm -rf "$folder"
}
rootfs debian:bookworm-slim ca-certificates
rootfs mission-control/offline-stores-rootfs postgresql-15,redis-server,ca-certificates
docker build -q -t mission-control/offline-stores -f docker/offline/stores.Dockerfile docker/offline

say "Building the binaries"
programs=(mc-identity mc-registry mc-llm mc-tasks mc-gateway mission-control)
run_cargo build --profile "$MC_PROFILE" --workspace --bins
mkdir -p docker/prebuilt
for program in "${programs[@]}"; do
  strip -o "docker/prebuilt/$program" "$(dirname "$MC_BIN")/$program"
done
cp /etc/ssl/certs/ca-certificates.crt docker/prebuilt/
for target in identity registry llm tasks gateway operator; do
  docker build -q --target "$target" --build-arg BINARIES=prebuilt -t "mission-control/$target" .
done

rm -rf "$MC_SECRETS"
"$MC_BIN" secrets --out "$MC_SECRETS"
chown -R "$MC_UID:$MC_GID" "$MC_SECRETS"
docker-compose up -d --no-build
for _ in {1..120}; do
  curl -sf "http://127.0.0.1:$MC_PORT/readyz" >/dev/null && break
  sleep 1
done
docker-compose ps
MC_DEMO_URL=http://127.0.0.1:$MC_PORT MC_DEMO_TOKEN=$(<"$MC_SECRETS/token") "$MC_BIN" demo
say "The compose file carries a run from end to end."
