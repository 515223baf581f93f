#!/usr/bin/env bash
# Installs what is missing to build, serve, test or measure darkroom. Does nothing, quickly, when all of it is there.
#
#   tools/setup.sh [serve|test|bench]      test and bench need what serve needs and more
#
# Debian packages need root or a sudo that asks for nothing; without, the one command to run is printed and the
# exit code is 3. Everything else goes where the user's own tools put it: rustup's toolchain, cargo's bin, node_modules.
# Nothing under /etc is written.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8
what=${1:-serve}
scratch=$PWD/target/setup

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

case $what in
  serve | test | bench) ;;
  *) fail "unknown argument '$what'; it is one of: serve, test, bench" ;;
esac

# ---------------------------------------------------------------------------------------------- Debian packages

# A package is missing when the thing it is needed for is missing, so other systems and hand-made installs are fine.
missing=()
need_command() { type -P "$2" >/dev/null || missing+=("$1"); }
need_file() { [[ -e $2 ]] || missing+=("$1"); }

# Debian keeps mkfs and its like where only root's PATH looks.
PATH=$PATH:/usr/sbin:/sbin

need_command qemu-system-x86 qemu-system-x86_64
need_command qemu-utils qemu-img
need_command brotli brotli
need_command genisoimage genisoimage
# What end2end/guest/build.sh makes a bootable disk with.
need_command syslinux syslinux
need_file syslinux-common /usr/lib/syslinux/mbr/mbr.bin
need_file syslinux-efi /usr/lib/SYSLINUX.EFI/efi64/syslinux.efi
need_command mtools mcopy
need_command dosfstools mkfs.vfat
need_command fdisk sfdisk
need_command cpio cpio
# Ubuntu packs the drivers of its kernels with it.
need_command zstd zstd
need_command e2fsprogs debugfs
if [[ $what != serve ]]; then
  need_command openssh-client ssh
  need_file ovmf /usr/share/OVMF/OVMF_VARS_4M.fd
  # Chromium without a window takes a quarter less time; the whole browser does where no package has that. CHROMIUM names another.
  if [[ -n ${CHROMIUM:-} ]]; then type -P "$CHROMIUM" >/dev/null || fail "CHROMIUM names $CHROMIUM, which is no program"
  elif [[ -e $scratch/no-headless-shell ]]; then need_command chromium chromium
  else need_command chromium-headless-shell chromium-headless-shell; fi
  need_file fonts-dejavu-core /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
  # The portal's first choice of font: without it the screenshots of the documentation look different, nothing more.
  [[ -e /usr/share/fonts/opentype/inter || -e $scratch/no-fonts-inter ]] || missing+=(fonts-inter)
fi

# Prefix that gives root's rights, or "none".
root_prefix() {
  if [[ $(id -u) = 0 ]]; then echo ""
  elif sudo -n true 2>/dev/null; then echo "sudo -n"
  else echo none; fi
}

# Copies the machine's own package sources and adds their backports suite, all in our own folder. Prints apt's options.
backports_options() {
  local codename dir=$scratch/apt
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [[ -n $codename ]] || fail "/etc/os-release names no release, so its backports cannot be found"
  rm -rf "$dir"
  mkdir -p "$dir/parts" "$dir/lists/partial"
  touch "$dir/sources.list"
  [[ -e /etc/apt/sources.list ]] && cp /etc/apt/sources.list "$dir/sources.list"
  find /etc/apt/sources.list.d -name '*.list' -o -name '*.sources' | xargs -r cp -t "$dir/parts"
  # One line of the old style, or one paragraph of the new, that serves the release itself also serves its backports.
  cat "$dir/sources.list" "$dir"/parts/*.list 2>/dev/null |
    sed -nE "s/^(deb .*[^ ] )$codename( .*)\$/\1$codename-backports\2/p" | head -n 1 >"$dir/parts/our-backports.list"
  if [[ ! -s $dir/parts/our-backports.list ]]; then
    rm "$dir/parts/our-backports.list"
    cat "$dir"/parts/*.sources 2>/dev/null |
      awk -v RS= -v code="$codename" '
        $0 ~ "(^|\n)Suites:([^\n]* )?" code "( |\n|$)" {
          sub(/(^|\n)Suites:[^\n]*/, "\nSuites: " code "-backports"); print; exit
        }' >"$dir/parts/our-backports.sources"
    [[ -s $dir/parts/our-backports.sources ]] || fail "no package source of '$codename' found to derive its backports from"
  fi
  echo "-o Dir::Etc::SourceList=$dir/sources.list -o Dir::Etc::SourceParts=$dir/parts -o Dir::State::Lists=$dir/lists"
}

apt_wait="-o DPkg::Lock::Timeout=300"

# The lock of the package lists is not covered by apt's own waiting, so an update that meets another one is tried again.
apt_update() {
  local tries=0
  until $as_root apt-get $apt_wait "$@" update -q >"$scratch/apt-update.log" 2>&1; do
    tries=$((tries + 1))
    if [[ $tries -ge 30 ]] || ! grep -q 'Could not get lock' "$scratch/apt-update.log"; then
      tail -n 5 "$scratch/apt-update.log" >&2
      fail "apt-get update failed (all of it: $scratch/apt-update.log)"
    fi
    sleep 10
  done
}

# Whether plain apt would install what is missing: "yes", "newer-qemu" (a qemu-utils newer than the release's own refuses
# the release's qemu-system, so all of QEMU must come from where the newer one came from: the backports), "no" with the
# reason in apt-simulate.log, or "unknown" before the package lists were ever read.
plain_apt_fits() {
  if apt-get -s install $flags "${missing[@]}" >"$scratch/apt-simulate.log" 2>&1; then echo yes
  elif grep -q 'Unable to locate package' "$scratch/apt-simulate.log"; then echo unknown
  elif [[ " ${missing[*]} " = *" qemu-"* ]]; then echo newer-qemu
  else echo no; fi
}

install_packages() {
  type -P apt-get >/dev/null || fail "missing: ${missing[*]} (Debian's names). This is no Debian: please install them by hand."
  mkdir -p "$scratch"
  as_root=$(root_prefix)
  # Never at the cost of what is installed: without --no-remove, apt would drop a newer qemu-utils for an older one.
  local flags="-y --no-install-recommends --no-remove" options=""
  if [[ $as_root = none ]]; then
    if [[ $(plain_apt_fits) != newer-qemu ]]; then
      say "these Debian packages are missing and only root can install them. Please run:"
      echo "sudo sh -c 'apt-get update && apt-get install $flags ${missing[*]}'"
    else
      options=$(backports_options)
      say "these Debian packages are missing, only root can install them, and they may need the backports. Please run:"
      echo "sudo sh -c 'apt-get $options update && apt-get $options -t $(. /etc/os-release && echo "$VERSION_CODENAME")-backports install $flags ${missing[*]}'"
    fi
    exit 3
  fi
  say "installing Debian packages: ${missing[*]}"
  [[ $as_root = "" ]] || as_root="sudo -n env DEBIAN_FRONTEND=noninteractive"
  export DEBIAN_FRONTEND=noninteractive
  apt_update
  if [[ " ${missing[*]} " = *" chromium-headless-shell "* ]] && ! apt-cache show chromium-headless-shell >/dev/null 2>&1; then
    touch "$scratch/no-headless-shell"
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sed 's/^chromium-headless-shell$/chromium/')
  fi
  if [[ " ${missing[*]} " = *" chromium "* ]] && ! apt-cache show chromium >/dev/null 2>&1; then
    fail "no package has Chromium here (Ubuntu has it as a snap only): install Chromium or Chrome and set CHROMIUM to its program"
  fi
  if [[ " ${missing[*]} " = *" fonts-inter "* ]] && ! apt-cache show fonts-inter >/dev/null 2>&1; then
    touch "$scratch/no-fonts-inter"
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | grep -vx fonts-inter || true)
    [[ ${#missing[@]} -gt 0 ]] || return 0
  fi
  case $(plain_apt_fits) in
    yes) ;;
    newer-qemu)
      say "the release's QEMU does not fit the installed qemu-utils: using backports"
      options=$(backports_options)
      apt_update $options
      options+=" -t $(. /etc/os-release && echo "$VERSION_CODENAME")-backports"
      ;;
    *)
      cat "$scratch/apt-simulate.log" >&2
      fail "apt refuses to install: ${missing[*]}"
      ;;
  esac
  if ! $as_root apt-get $apt_wait $options install $flags "${missing[@]}" >"$scratch/apt-install.log" 2>&1; then
    tail -n 15 "$scratch/apt-install.log" >&2
    fail "apt-get install failed (all of it: $scratch/apt-install.log)"
  fi
}

[[ ${#missing[@]} = 0 ]] || install_packages

# ------------------------------------------------------------------------------------------------ Rust and wasm

type -P cargo >/dev/null || fail "cargo is missing: install a Rust toolchain (rust-version in Cargo.toml says which)"
if [[ ! -d $(rustc --print target-libdir --target wasm32-unknown-unknown) ]]; then
  type -P rustup >/dev/null || fail "the target wasm32-unknown-unknown is missing, and there is no rustup to add it"
  say "adding the target wasm32-unknown-unknown"
  rustup target add wasm32-unknown-unknown
fi

# The command line tool and the crate must be the same version: they share an unstable format.
wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print; exit }' Cargo.lock)
[[ -n $wanted ]] || fail "Cargo.lock names no version of wasm-bindgen"
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
if [[ $(wasm-bindgen --version 2>/dev/null) != "wasm-bindgen $wanted" ]]; then
  say "installing wasm-bindgen-cli $wanted (two to three minutes)"
  mkdir -p "$scratch"
  install=(cargo install wasm-bindgen-cli --version "$wanted" --target-dir "$scratch/wasm-bindgen" --quiet)
  # Its own lock file may name versions that a mirror no longer has; any version it accepts is as good.
  "${install[@]}" --locked 2>"$scratch/wasm-bindgen.log" || "${install[@]}" --force
  rm -rf "$scratch/wasm-bindgen"
fi

# --------------------------------------------------------------------------------------------------------- node

type -P npm >/dev/null || fail "npm is missing: install node 18 or newer"
if ! cmp -s package-lock.json node_modules/.installed-from; then
  say "installing npm packages"
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-fund --no-audit --loglevel=error
  cp package-lock.json node_modules/.installed-from
fi
