#!/bin/sh
# Brings what the suite needs, and nothing that is there already: its dependencies (the pinned Node among
# them) and a container engine that answers. May be run at any time; with nothing to do it takes well under
# a second. Progress goes to standard error.
#
#   TOPOLOGY_INSTALL_ENGINE=0   never install or start a container engine
#   DOCKER_HOST                 the engine to use, where it is not at its default socket
#
# Exit status 3: this machine cannot be set up; the message says the next step.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
engine_log=${TMPDIR:-/tmp}/topology-engine.log

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
  printf '✗ %s\n  → %s\n' "$1" "$2" >&2
  exit 3
}

# One set-up at a time: two gates may be started at once. The lock of a process that is gone is taken over.
lock=${TMPDIR:-/tmp}/topology-setup-$(id -u).lock
locked() {
  tries=0
  until mkdir "$lock" 2>/dev/null; do
    owner=$(cat "$lock/pid" 2>/dev/null || echo 0)
    if [ "$owner" != 0 ] && ! kill -0 "$owner" 2>/dev/null; then
      rm -rf "$lock"
      continue
    fi
    tries=$((tries + 1))
    [ "$tries" -gt 6000 ] && fail "Another set-up has been running for ten minutes (process $owner)." "Wait for it, or remove $lock."
    sleep 0.1
  done
  echo $$ >"$lock/pid"
  trap 'rm -rf "$lock"' EXIT
  trap 'exit 130' INT TERM HUP
}

dependencies_are_there() {
  [ -x node_modules/.bin/vitest ] && [ -x node_modules/.bin/node ] &&
    cmp -s package-lock.json node_modules/.topology-lock.json
}

bring_dependencies() {
  dependencies_are_there && return
  command -v npm >/dev/null || fail 'npm is not on the path.' 'Install Node.js 20 or later, which brings npm.'
  # npm ci empties what it finds, also at the other end of a link.
  [ -L node_modules ] && fail 'node_modules is a link, and what it leads to is not what package-lock.json asks for.' 'Remove the link: the set-up then installs the dependencies here.'
  say 'installing dependencies (npm ci)'
  npm ci --no-audit --no-fund --loglevel=error >&2 ||
    fail 'npm ci failed.' 'See its message above; an npm registry has to be within reach.'
  cp package-lock.json node_modules/.topology-lock.json
}

# The socket, or the address, at which an engine would answer. Asked through its API: no client is needed.
engine_answers() {
  PATH="$root/node_modules/.bin:$PATH" node -e '
    const http = require("node:http")
    const host = process.env.DOCKER_HOST
    // Other transports (ssh, npipe, TLS) are for the suite itself to try.
    if (host && !/^(unix|tcp|http):\/\//.test(host)) process.exit(0)
    if (host && process.env.DOCKER_TLS_VERIFY) process.exit(0)
    const url = host && new URL(host.replace(/^tcp:/, "http:"))
    const uid = process.getuid?.()
    const sockets = host
      ? host.startsWith("unix:") ? [host.slice(7)] : []
      : ["/var/run/docker.sock", `${process.env.XDG_RUNTIME_DIR ?? `/run/user/${uid}`}/docker.sock`,
         `${process.env.HOME}/.docker/run/docker.sock`, `${process.env.HOME}/.docker/desktop/docker.sock`]
    const places = sockets.length > 0 ? sockets.map(socketPath => ({ socketPath })) : [{ host: url.hostname, port: url.port || 2375 }]
    let left = places.length
    for (const place of places) {
      const missed = () => { if (--left === 0) process.exit(1) }
      const request = http.get({ ...place, path: "/_ping", timeout: 2000 }, answer => {
        answer.resume()
        if (answer.statusCode === 200) process.exit(0)
        missed()
      })
      request.on("timeout", () => request.destroy(new Error("silent")))
      request.on("error", missed)
    }
  '
}

# Debian's package on Debian and Ubuntu, as root; anywhere else a person has to do it.
bring_engine() {
  engine_answers && return
  [ -z "${DOCKER_HOST:-}" ] ||
    fail "No container engine answers at DOCKER_HOST=$DOCKER_HOST." 'Start that engine, or unset DOCKER_HOST to use the one of this machine.'
  by_hand=$(engine_by_hand)
  [ "${TOPOLOGY_INSTALL_ENGINE:-1}" != 0 ] ||
    fail 'No container engine answers, and TOPOLOGY_INSTALL_ENGINE=0 forbids installing or starting one.' "$by_hand"
  [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
    fail 'No container engine answers, and this set-up can bring one only on Debian or Ubuntu, as root.' "$by_hand"
  if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
    say 'no container engine answers: installing docker.io (TOPOLOGY_INSTALL_ENGINE=0 refuses)'
    install_package docker.io iptables
  fi
  start_engine
}

engine_by_hand() {
  case "$(uname -s)" in
    Darwin) echo 'Install Docker Desktop, OrbStack or Colima, start it, and run this again.' ;;
    Linux)
      if command -v dockerd >/dev/null; then
        echo 'Start it (`sudo systemctl start docker`), and see that your user may speak to it (group docker).'
      elif command -v apt-get >/dev/null; then
        echo '`sudo apt-get install docker.io iptables && sudo systemctl start docker`, and add your user to the group docker.'
      elif command -v dnf >/dev/null; then
        echo '`sudo dnf install moby-engine && sudo systemctl start docker`, and add your user to the group docker.'
      elif command -v apk >/dev/null; then
        echo '`apk add docker && rc-service docker start`'
      elif command -v pacman >/dev/null; then
        echo '`sudo pacman -S docker && sudo systemctl start docker`, and add your user to the group docker.'
      else
        echo 'Install Docker Engine or Podman (with its Docker socket), start it, and run this again.'
      fi
      ;;
    *) echo 'Install Docker Desktop, start it, and run this again.' ;;
  esac
}

install_package() {
  package_log=${TMPDIR:-/tmp}/topology-packages.log
  { apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$package_log" 2>&1 </dev/null ||
    fail "The packages $* cannot be installed: $(tail -n 1 "$package_log")" "See $package_log; install an engine by hand, or point DOCKER_HOST at one."
}

# Detached, with its output in a file: a daemon that held the pipe of whoever called would never let go of it.
start_engine() {
  say "starting the container engine (its log: $engine_log)"
  if [ -d /run/systemd/system ] && command -v systemctl >/dev/null && systemctl start docker >/dev/null 2>&1; then
    :
  else
    setsid dockerd >"$engine_log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  fi
  tries=0
  until engine_answers; do
    tries=$((tries + 1))
    [ "$tries" -le 240 ] || fail 'The container engine was started, but does not answer.' "See $engine_log."
    sleep 0.25
  done
}

# `dependencies` as the first argument: no container engine is looked for, let alone brought.
needs_engine() { [ "${1:-engine}" != dependencies ]; }

if dependencies_are_there && { ! needs_engine "$@" || engine_answers; }; then exit 0; fi
locked
bring_dependencies
if needs_engine "$@"; then bring_engine; fi
