#!/usr/bin/env bash
# Measures the figures of docs/BENCHMARKS.md and judges them. `make bench` calls this.
#
#   tools/bench.sh              all
#   tools/bench.sh PART...      only these: disks machines store portal life billing sizes tests
#   tools/bench.sh --record     all, and puts the result into docs/BENCHMARKS.md
#
# Builds for release, then measures one thing after the other; the machine should have nothing else to do. At the end
# one line per figure: its name, the value, the target, and `ok` or `short`. The same goes to target/bench.txt. A figure
# that falls short is not an error of this program; the exit code is 0 when everything could be measured.
# Temporary data, at most about 6 GB at a time, lives in target/bench and is removed.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
scratch=$PWD/target/bench
guest=$PWD/target/guest/darkroom-linux.qcow2
values=$PWD/target/bench.values

say() { printf 'bench: %s\n' "$*" >&2; }

# Name, unit, comparison, target, what it is.
targets() {
  cat <<'TABLE'
ingest_random_ratio x >= 0.55 1 GiB of random RAW to durable chunks with SHA-256, times the rate of dd conv=fsync
ingest_sparse_ratio x <= 1 1 GiB mostly zero (52 MB data) to durable chunks, times the time of qemu-img convert
ingest_sparse_sha256_ratio x - - the same with the SHA-256 of all of it, as a capture needs
live_capture_s s <= 3 live capture of 1 GiB with 200 MB until Available, median
guest_ping_max_ms ms <= 250 longest answer of the guest during the captures
second_image_mb MB < 30 stored for a second image after 10 MB of change
prepare_disk_ms ms <= 100 a disk from a warm base, median
page_p50_ms ms <= 15 My Images, 10,000 images, 8 clients, server-rendered: median
page_p99_ms ms <= 60 the same: 99 of 100 requests
page_filtered_p50_ms ms <= 25 My Images, 10,000 images, 20 tags, 3 filters, 8 clients: median
copy_in_region_ms ms <= 50 a copy inside a region of an image of 10 GiB, until Available, median
second_copy_percent % < 5 of a second copy to a region that has the parent, bytes that move
bulk_delete_1000_s s < 5 deleting 1,000 of 10,000 images at once
usage_month_p50_ms ms <= 50 the page Usage of a month of an account with 10,000 images and 30,000 meters, without drawing it, median
forecast_ms ms <= 2 what the forecast adds to the cost so far of the same account, median
close_month_s s <= 20 closing a month of 1,000,000 meters
close_month_mb MB <= 500 memory that closing it takes beside what was there
store_commits_64 /s >= 5000 durable commits of three 400-byte records, 64 clients
store_commit_1_ratio x <= 3 one client, times a bare append and fdatasync
cold_start_s s <= 0.5 start with 10,000 images to the first page, median
rss_idle_mb MB <= 50 resident memory, idle
rss_10000_mb MB <= 120 resident memory with 10,000 images, after the load
wasm_kb kB <= 300 wasm as sent, brotli
executable_mb MB <= 30 the executable
test_warm_min min <= 10 make test, warm
test_fresh_min min <= 40 make test on a fresh machine
TABLE
}

# Runs a bench and keeps its figures; what it says beside them is for people.
measure() {
  local name=$1
  shift
  say "$name (load before: $(cut -d' ' -f1-3 /proc/loadavg))"
  "$CARGO_TARGET_DIR/release/bench-$name" "$scratch" "$@" | tee -a "$values"
}

part_disks() { measure disks; }
part_machines() {
  end2end/guest/build.sh "$guest" >&2
  measure machines "$guest"
}
part_store() { measure store; }
part_life() { measure life; }
part_billing() { measure billing; }
part_portal() { measure portal "$executable"; }
part_sizes() {
  awk -v bytes="$(stat -c %s target/site/pkg/darkroom_bg.wasm.br)" 'BEGIN { printf "wasm_kb %.1f kB\n", bytes / 1000 }' >>"$values"
  awk -v bytes="$(stat -c %s "$executable")" 'BEGIN { printf "executable_mb %.1f MB\n", bytes / 1e6 }' >>"$values"
}
# tools/test.sh leaves `MODE SECONDS` of whole runs; MODE is warm or fresh.
part_tests() {
  local record=$CARGO_TARGET_DIR/test-seconds
  [[ -e $record ]] || return 0
  awk '{ last[$1] = $2 } END { for (mode in last) printf "test_%s_min %.1f min\n", mode, last[mode] / 60 }' "$record" >>"$values"
}

table() {
  targets | awk -v values="$values" '
    BEGIN { while ((getline line < values) > 0) { split(line, part, " "); value[part[1]] = part[2] } }
    {
      name = $1; unit = $2; comparison = $3; target = $4
      what = $0; for (i = 0; i < 4; i++) sub(/^[^ ]+ /, "", what)
      if (!(name in value)) { shown = "not measured here"; verdict = "-" }
      else {
        v = value[name] + 0; shown = sprintf(v >= 100 ? "%.0f %s" : v >= 10 ? "%.1f %s" : "%.2f %s", v, unit)
        good = comparison == ">=" ? v >= target : comparison == "<=" ? v <= target : v < target
        verdict = comparison == "-" ? "info" : good ? "ok" : "short"
      }
      wanted = comparison == "-" ? "-" : comparison " " target " " unit
      printf "%-27s %18s   %-12s %-6s %s\n", name, shown, wanted, verdict, what
    }'
}

record=no
if [[ ${1:-} = --record ]]; then
  record=yes
  shift
fi
parts=(disks machines store portal life billing sizes tests)
[[ $# = 0 ]] || parts=("$@")
for part in "${parts[@]}"; do
  declare -F "part_$part" >/dev/null || { say "there is no part '$part'; parts are: disks machines store portal life billing sizes tests"; exit 1; }
done

say "building"
executable=$(tools/build.sh release)
# The same files embedded, so that the server is not compiled a second time.
DARKROOM_SITE_DIGEST=$(cat target/site.digest) cargo build --locked --release -p darkroom-bench >&2
rm -rf "$scratch" "$values"
mkdir -p "$scratch"
: >"$values"
trap 'rm -rf "$scratch"' EXIT
begin=$SECONDS
for part in "${parts[@]}"; do "part_$part"; done

{
  printf 'darkroom %s, %s, %s CPUs, load %s, %d s\n' "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" \
    "$(uname -sr)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)" $((SECONDS - begin))
  table
} >target/bench.txt
if [[ $record = yes ]]; then
  awk '
    /^<!-- end of figures -->$/ { inside = 0 }
    !inside { print }
    /^<!-- figures -->$/ { inside = 1; print "```text"; while ((getline line < "target/bench.txt") > 0) print line; print "```" }
  ' docs/BENCHMARKS.md >target/bench.md
  cp target/bench.md docs/BENCHMARKS.md
fi
printf '\n'
cat target/bench.txt
