#!/usr/bin/env bash
# Tries README's commands as a newcomer would: on a Debian 12 root of its own with nothing but the Rust toolchain and a clean
# clone of HEAD, without this machine's caches, packages or environment. Prints the wall time of each command, cold and warm.
# Needs root (chroot, mount namespace). The mounts are the namespace's own: they end with it, and nothing outside sees them.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

usage() {
  cat <<'TEXT'
Usage: scripts/fresh-root.sh [--user] [--no-shm] [--keep] [step...]

Steps, in order: up test        (up: up, demo, down, both again warm, up after a SIGKILL; test: ./mc test)
Left out: all of them.
  --user     As a person with sudo instead of root
  --no-shm   Without /dev/shm, as some containers are
  --keep     Keep the root for a look, in $MC_FRESH_ROOT/root

MC_FRESH_ROOT   where the root is made (/var/tmp/mission-control-fresh; 12 GB while ./mc test runs)
MC_DEBIAN       a mirror of Debian (http://deb.debian.org/debian)
TEXT
}

work=${MC_FRESH_ROOT:-/var/tmp/mission-control-fresh}
mirror=${MC_DEBIAN:-http://deb.debian.org/debian}
root=$work/root base=$work/base
user=root home=/root shm=yes keep='' steps=()
for word in "$@"; do
  case $word in
    --user) user=newcomer home=/home/newcomer ;;
    --no-shm) shm=no ;;
    --keep) keep=yes ;;
    up | test) steps+=("$word") ;;
    -h | --help) usage; exit ;;
    *) usage >&2; die "There is no step or option '$word'." ;;
  esac
done
[[ ${#steps[@]} -gt 0 ]] || steps=(up test)
[[ $(id -u) -eq 0 ]] || die "Needs root: sudo scripts/fresh-root.sh"
case $work in /*) ;; *) die "MC_FRESH_ROOT must begin with /" ;; esac

# Deletes a root. Never across a mount: there is none unless a mount was made by hand, and then this refuses.
discard() {
  if grep -qF " $1/" /proc/mounts || grep -qF " $1 " /proc/mounts; then
    die "Something is mounted below $1: unmount it first."
  fi
  rm -rf --one-file-system -- "$1"
}

have debootstrap || need_packages debootstrap debootstrap debootstrap ""
have git || need_git
provide || exit
mkdir -p "$work"
if [[ ! -f $base.ready ]]; then
  say "Making a Debian 12 root in $base"
  discard "$base"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$base" "$mirror" >"$work/debootstrap.log"
  touch "$base.ready"
fi
discard "$root"
cp -a "$base" "$root"

# ── How this machine reaches package registries: its certificates, resolver, proxies and mirrors, whatever they are.
{
  printf 'deb %s bookworm main\n' "$mirror"
  printf 'deb %s bookworm-updates main\n' "$mirror"
  printf 'deb %s-security bookworm-security main\n' "$mirror"
} >"$root/etc/apt/sources.list"
for file in $(grep -l '^Acquire' /etc/apt/apt.conf.d/* 2>/dev/null || true) /etc/pip.conf /etc/npmrc /usr/local/share/ca-certificates/*.crt; do
  if [[ -f $file ]]; then install -D -m 644 "$file" "$root$file"; fi
done
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
environment=("HOME=$home" "USER=$user" "TERM=${TERM:-dumb}" "PATH=$home/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST \
  npm_config_registry CARGO_HTTP_PROXY; do
  [[ -z ${!name:-} ]] || environment+=("$name=${!name}")
done
# Programs that bring certificates of their own are told of the system's, where this machine has added to them.
if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
  for name in SSL_CERT_FILE CARGO_HTTP_CAINFO PIP_CERT NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO; do
    environment+=("$name=/etc/ssl/certs/ca-certificates.crt")
  done
  chroot "$root" update-ca-certificates >"$work/certificates.log" 2>&1
fi

# ── The Rust toolchain, and nothing else of ~/.cargo and ~/.rustup.
mkdir -p "$root$home/.cargo/bin" "$root$home/.rustup/toolchains"
toolchain=$(rustup show active-toolchain | cut -d' ' -f1)
cp -a "$(rustc --print sysroot)" "$root$home/.rustup/toolchains/$toolchain"
printf 'version = "12"\ndefault_toolchain = "%s"\nprofile = "minimal"\n' "$toolchain" >"$root$home/.rustup/settings.toml"
cp "$(command -v rustup)" "$root$home/.cargo/bin/rustup"
for name in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
  ln -s rustup "$root$home/.cargo/bin/$name"
done

# ── A clean clone, and who uses it.
git clone -q --no-hardlinks . "$root$home/mission-control"
git -C "$root$home/mission-control" remote remove origin
if [[ $user != root ]]; then
  chroot "$root" sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends sudo" >"$work/sudo.log" 2>&1
  chroot "$root" useradd -s /bin/bash -d "$home" -M "$user"
  printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$user" >"$root/etc/sudoers.d/newcomer"
  chroot "$root" chown -R "$user:$user" "$home"
  # Nobody to ask, and sudo: README says what to set.
  environment+=(MC_YES=1)
fi
install -m 755 scripts/fresh-root-steps.sh "$root/newcomer"

say "On $root as $user: ${steps[*]}"
code=0
# In the background, because unshare itself ignores the signals that end this script; its death ends everything inside.
# shellcheck disable=SC2016 # for the shell inside
unshare --mount --pid --fork --kill-child bash -euc '
  root=$1 shm=$2 user=$3
  shift 3
  mount --make-rprivate /
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    read -r name major minor <<<"$node"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  for number in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${number%:*}" "$root/dev/${number#*:}"; done
  mkdir "$root/dev/pts"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  if [[ $shm == yes ]]; then mkdir -m 1777 "$root/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"; fi
  exec chroot --userspec="$user" "$root" env -i "$@"
' fresh "$root" "$shm" "$user" "${environment[@]}" /newcomer "$home/mission-control" "${steps[@]}" </dev/null \
  > >(tee "$work/fresh-root.log") 2>&1 &
inside=$!
trap 'kill -KILL "$inside" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
wait "$inside" || code=$?
trap - EXIT

if [[ -n $keep ]]; then say "Kept: $root"; else discard "$root"; fi
exit "$code"
