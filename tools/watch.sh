#!/usr/bin/env bash
# Rebuilds and restarts a development server whenever a source file changes. Ctrl-C ends it.
#
#   tools/watch.sh [DATA] [LISTEN]
#
# Uses inotifywait where it is installed, else looks once a second.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:-./data} listen=${2:-127.0.0.1:3000}
guest=target/guest/darkroom-linux.qcow2
watched=(src style public Cargo.toml Cargo.lock)
mkdir -p target
mark=target/watch.mark
server=

stop() {
  [[ -n $server ]] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
trap stop EXIT
trap 'exit 130' INT TERM

existing() { for path in "${watched[@]}"; do [[ ! -e $path ]] || echo "$path"; done; }
changed() { [[ -n $(existing | xargs -I{} find {} -newer "$mark" -print -quit) ]]; }
wait_for_change() {
  until changed; do
    if type -P inotifywait >/dev/null; then
      # With a time limit, for a change between the look above and the start of the watch.
      inotifywait -qq -r -t 5 -e close_write,create,delete,move $(existing) || true
    else
      sleep 1
    fi
  done
}

tools/setup.sh serve
end2end/guest/build.sh "$guest"
while true; do
  touch "$mark"
  if executable=$(tools/build.sh dev); then
    stop
    "$executable" serve --data "$data" --listen "$listen" --seed-demo "$guest" &
    server=$!
  else
    echo "watch: the build failed; waiting for the next change" >&2
  fi
  wait_for_change
done
