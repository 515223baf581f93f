#!/usr/bin/env bash
# Everything that must hold, step by step. `make test` calls this.
#
#   tools/test.sh             all steps
#   tools/test.sh STEP...     only these, in this order
#   tools/test.sh --list      their names
#
# Each step prints its name and the seconds it took. The first failure ends the run and says how to repeat that step alone.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
guest=target/guest/darkroom-linux.qcow2
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# One test runner or the other: nextest when somebody installed it.
cargo_test() {
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --no-fail-fast "$@"
  else
    cargo test --locked --no-fail-fast "$@"
  fi
}
# A snapshot that differs must fail and must not be rewritten.
export INSTA_UPDATE=no

step_setup() { tools/setup.sh test; }
step_format() { cargo fmt --all --check; }
# With the tests, which ask for all features of the core: server and sim are checked here too.
step_clippy_server() { cargo clippy --locked --workspace --features ssr --all-targets -- -D warnings; }
# The core as the browser gets it is checked as a dependency.
step_clippy_browser() {
  cargo clippy --locked --lib --no-default-features --features hydrate --target wasm32-unknown-unknown \
    --profile wasm-dev --target-dir "$CARGO_TARGET_DIR/front" -- -D warnings
}
step_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --features ssr --document-private-items; }
# Without the simulator, which is ten times as fast when it is optimised, and has the next step for itself.
step_core() { cargo_test -p darkroom-core --features server,sim -- --skip sim::tests::; }
step_sim() { tools/sim.sh; }
step_chunks() { cargo_test -p darkroom-chunks; }
step_types() { node_modules/.bin/tsc --noEmit -p end2end; }
step_release() { tools/build.sh release; }
step_guest() { end2end/guest/build.sh "$guest"; }
step_server() { cargo_test -p darkroom --features ssr; }
step_browser() { (cd end2end && ../node_modules/.bin/playwright test); }

# Quick ones first; the release build before the server's tests, which start the real machine and the executable.
steps=(setup format types clippy_server clippy_browser docs core sim chunks release guest server browser)

case ${1:-} in
  --list) printf '%s\n' "${steps[@]}"; exit 0 ;;
  '') ;;
  *) steps=("$@") ;;
esac
for step in "${steps[@]}"; do
  declare -F "step_$step" >/dev/null || { echo "test: there is no step '$step'; tools/test.sh --list shows them" >&2; exit 1; }
done

log=$CARGO_TARGET_DIR/test-log
mkdir -p "$log"
passed=0 failed=0
# Adds up what the runners report in their own summaries.
count() {
  local plain p f
  plain=$(sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' "$1")
  read -r p f < <(awk '
    /^test result:/ { p += $4; f += $6 }
    /^ +Summary .* tests? run:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } }
    /^ +[0-9]+ passed( \(|$)/ { p += $1 } /^ +[0-9]+ failed$/ { f += $1 }
    END { print p + 0, f + 0 }' <<<"$plain")
  passed=$((passed + p)) failed=$((failed + f))
}

# A run of everything leaves its time for `tools/bench.sh tests`; without earlier build products it is that of a fresh machine.
kind=warm
[[ -e $CARGO_TARGET_DIR/release/darkroom ]] || kind=fresh
begin=$SECONDS
for step in "${steps[@]}"; do
  step_begin=$SECONDS
  printf '\n==> %s\n' "$step"
  "step_$step" 2>&1 | tee "$log/$step.log"
  code=${PIPESTATUS[0]}
  count "$log/$step.log"
  if [[ $code != 0 ]]; then
    printf '\n==> %s FAILED after %d s (exit code %d). Once more, alone: tools/test.sh %s\n' "$step" $((SECONDS - step_begin)) "$code" "$step"
    printf '%d passed, %d failed\n' "$passed" "$((failed > 0 ? failed : 1))"
    exit 1
  fi
  printf '==> %s: ok, %d s\n' "$step" $((SECONDS - step_begin))
done

if [[ $# = 0 ]]; then
  times=$CARGO_TARGET_DIR/test-seconds
  { grep -sv "^$kind " "$times"; echo "$kind $((SECONDS - begin))"; } >"$times.part"
  mv "$times.part" "$times"
fi
printf '\nAll steps passed in %d s. Summaries of the runners:\n' $((SECONDS - begin))
for step in core sim chunks server browser; do
  [[ " ${steps[*]} " = *" $step "* ]] || continue
  sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' "$log/$step.log" | grep -E '^test result: .* [1-9][0-9]* passed|^ +Summary|^ +[0-9]+ (passed|skipped|flaky)' | sed "s/^ */  $step: /"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
