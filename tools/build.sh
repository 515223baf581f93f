#!/usr/bin/env bash
# Builds darkroom: the browser's side, the site (wasm, scripts, styles, icons), and the one executable that holds it all.
#
#   tools/build.sh [release|dev]           prints the path of the executable, everything else goes to stderr
#
# Front: cargo -> wasm-bindgen -> wasm-opt -> brotli, into target/site. Server: cargo, with target/site embedded (release)
# or read from disk at run time (dev). What did not change is not made again: results are kept by the checksum of their
# inputs in target/front-cache. A release that exceeds a size budget fails.
set -euo pipefail
trap 'echo "build: failed at line $LINENO: $BASH_COMMAND" >&2' ERR
cd "$(dirname "$0")/.."
mode=${1:-release}
case $mode in
  dev) wasm_profile=wasm-dev server_profile=dev server_folder=debug ;;
  release) wasm_profile=wasm-release server_profile=release server_folder=release ;;
  *) echo "build: unknown mode '$mode'; it is release or dev" >&2; exit 1 ;;
esac
: "${CARGO_TARGET_DIR:=$PWD/target}"
export CARGO_TARGET_DIR
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
wasm_brotli_bytes_max=300000
executable_bytes_max=30000000

say() { printf 'build: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
checksum() { sha256sum | cut -c1-64; }

cache=$PWD/target/front-cache
mkdir -p "$cache/brotli"
# Two builds of one tree would mix their files.
exec 9>"$cache/lock"
flock 9

# --------------------------------------------------------------------------------------------- the browser's side

# Its own target folder: features and flags of one side never invalidate the other.
# `cargo rustc --crate-type cdylib`: were the crate types in Cargo.toml, cargo would silently skip the link-time optimisation.
cargo rustc --locked --lib --crate-type cdylib --target wasm32-unknown-unknown --no-default-features --features hydrate \
  --profile $wasm_profile --target-dir "$CARGO_TARGET_DIR/front" >&2
wasm=$CARGO_TARGET_DIR/front/wasm32-unknown-unknown/$wasm_profile/darkroom.wasm

# Never --all-features: wasm-opt then writes encodings that browsers refuse. These are what rustc emits.
wasm_opt=(node_modules/.bin/wasm-opt -Oz --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext
  --enable-mutable-globals --enable-reference-types --enable-multivalue)

bindings=$cache/$mode-$({ cat "$wasm"; wasm-bindgen --version; echo "${wasm_opt[*]}"; cat package-lock.json; } | checksum)
if [[ ! -d $bindings ]]; then
  rm -rf "$cache/$mode"-* "$cache/new"
  wasm-bindgen --target web --no-typescript --out-dir "$cache/new" --out-name darkroom "$wasm" >&2
  if [[ $mode = release ]]; then
    "${wasm_opt[@]}" -o "$cache/new/darkroom_bg.wasm" "$cache/new/darkroom_bg.wasm" >&2
  fi
  mv "$cache/new" "$bindings"
fi

# ------------------------------------------------------------------------------------------------------- the site

site=$PWD/target/site
new=$PWD/target/site.new
rm -rf "$new"
mkdir -p "$new/pkg" "$new/vendor"
cp -r "$bindings/." "$new/pkg/"

# Each file holds its own @layer; the first line fixes their order whatever comes first.
for file in style/tokens.css style/base.css style/layout.css; do
  [[ -e $file ]] || fail "$file is missing"
done
{
  echo '@layer tokens, base, layout, components;'
  cat style/tokens.css style/base.css style/layout.css
  find style -path 'style/components/*.css' | LC_ALL=C sort | xargs -r cat
} >"$new/pkg/darkroom.css"

[[ ! -d public ]] || cp -r public/. "$new/"

# The serial console, loaded by its page only. Its licence asks to travel with it.
cp node_modules/@xterm/xterm/lib/xterm.js node_modules/@xterm/xterm/css/xterm.css node_modules/@xterm/addon-fit/lib/addon-fit.js "$new/vendor/"
cp node_modules/@xterm/xterm/LICENSE "$new/vendor/xterm-license.txt"
# Puts a fresh rendering of a page into the one that stands.
cp node_modules/idiomorph/dist/idiomorph.min.js "$new/vendor/idiomorph.js"
cp node_modules/idiomorph/LICENSE "$new/vendor/idiomorph-license.txt"
# The maps these files point to are not shipped; a browser with open developer tools would report them as missing.
sed -i '/^\/\/# sourceMappingURL=/d' "$new"/vendor/*.js

if [[ $mode = release ]]; then
  while IFS= read -r -d '' file; do
    compressed=$cache/brotli/$(checksum <"$file")
    if [[ -e $compressed ]]; then
      touch "$compressed"
    else
      brotli -q 11 -c "$file" >"$compressed.new"
      mv "$compressed.new" "$compressed"
    fi
    cp "$compressed" "$file.br"
  done < <(find "$new" -type f \( -name '*.wasm' -o -name '*.js' -o -name '*.css' -o -name '*.svg' -o -name '*.txt' \) -print0)
  find "$cache/brotli" -type f -mtime +14 -delete
fi

# The embedding crate reads this variable with option_env!, so cargo notices a file that came, went or changed.
site_digest=$(cd "$new" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | checksum | cut -c1-16)
if [[ -e $site && $(cat target/site.digest 2>/dev/null) = "$site_digest" ]]; then
  rm -rf "$new"
else
  rm -rf "$site"
  mv "$new" "$site"
  echo "$site_digest" >target/site.digest
fi

# ----------------------------------------------------------------------------------------------------- the server

# In dev the site is read from disk at run time: nothing to rebuild, and `cargo test` shares its artifacts.
if [[ $mode = release ]]; then export DARKROOM_SITE_DIGEST=$site_digest; fi
cargo build --locked --bin darkroom --no-default-features --features ssr --profile $server_profile >&2
executable=$CARGO_TARGET_DIR/$server_folder/darkroom

# -------------------------------------------------------------------------------------------------------- budgets

if [[ $mode = release ]]; then
  wasm_bytes=$(stat -c %s "$site/pkg/darkroom_bg.wasm.br")
  executable_bytes=$(stat -c %s "$executable")
  say "wasm $wasm_bytes bytes compressed (at most $wasm_brotli_bytes_max), executable $executable_bytes bytes (at most $executable_bytes_max)"
  [[ $wasm_bytes -le $wasm_brotli_bytes_max ]] || fail "the wasm exceeds its budget"
  [[ $executable_bytes -le $executable_bytes_max ]] || fail "the executable exceeds its budget"
fi
echo "$executable"
