#!/usr/bin/env bash
# Builds the test machine: a small but real Linux disk made of Debian packages, which boots by itself in any hypervisor
# with a BIOS or UEFI and virtio. It is also the public image of a demonstration provider.
#
#   end2end/guest/build.sh OUT.qcow2 [VIRTUAL_MIB=1024]
#
#   BIOS -> MBR, or UEFI -> /EFI/BOOT; both -> syslinux on FAT16 -> Debian's cloud kernel -> busybox, qemu-guest-agent and dropbear on ext4 (/dev/vda2)
#
# Needs no root, no loop device and no mount. The packages are downloaded once from the machine's own package sources,
# unpacked, never installed. Equal packages give an equal disk, bit for bit. Nothing is done when OUT.qcow2 was made of
# the same inputs. GUEST_CACHE is where packages are kept (target/guest/packages); remove it to fetch newer ones.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUT.qcow2 [VIRTUAL_MIB]}
virtual_mib=${2:-1024}
root_mib=96
packages=${GUEST_CACHE:-$here/../../target/guest/packages}
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000 MTOOLS_SKIP_CHECK=1
PATH=$PATH:/usr/sbin:/sbin
umask 022
say() { printf 'guest: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
[[ $virtual_mib -ge $((root_mib + 34)) ]] || fail "the disk needs at least $((root_mib + 34)) MiB"

# ------------------------------------------------------------------------------------------------------ packages

# The package lists of the machine may be absent or stale, and only root may renew them: then a private copy is made.
apt_private=()
use_private_lists() {
  say "reading the package lists"
  local dir=$packages/apt
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  apt_private=(-o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User="$(id -un)")
  apt-get "${apt_private[@]}" -q update >"$packages/apt-update.log" 2>&1 || { tail -n 5 "$packages/apt-update.log" >&2; return 1; }
}

# Everything that has to be downloaded: the newest kernel of the release, the programs, the libraries they load.
package_names() {
  local kernel="" meta
  # Debian's kernel for clouds, or Ubuntu's for machines, which has its modules in a package of their own.
  for meta in linux-image-cloud-amd64 linux-image-virtual; do
    [[ -n $kernel ]] || kernel=$(apt-cache "${apt_private[@]}" show --no-all-versions "$meta" 2>/dev/null |
      sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p')
  done
  [[ -n $kernel ]] || return 1
  echo "$kernel"
  [[ $kernel != *-generic ]] || echo "linux-modules-${kernel#linux-image-}"
  echo busybox-static
  apt-cache "${apt_private[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances qemu-guest-agent dropbear-bin e2fsprogs |
    grep -E '^(qemu-guest-agent|dropbear-bin|e2fsprogs|logsave|zlib1g|lib[a-z0-9.+-]*)$' | sort -u
}

download() {
  local names
  names=$(package_names) || return 1
  say "downloading $(wc -w <<<"$names") packages"
  (cd "$packages" && apt-get "${apt_private[@]}" -q download $names >"$packages/apt-download.log" 2>&1)
}

mkdir -p "$packages"
packages=$(cd "$packages" && pwd)
if [[ ! -e $packages/complete ]]; then
  type -P apt-get >/dev/null || fail "the test machine is made of Debian packages; build it on Debian or Ubuntu"
  rm -f "$packages"/*.deb
  download || { use_private_lists && download; } ||
    { tail -n 5 "$packages"/apt-*.log >&2 || true; fail "the packages cannot be downloaded"; }
  touch "$packages/complete"
fi

# ---------------------------------------------------------------------------------------------------- up to date?

inputs=$({ (cd "$packages" && sha256sum -- *.deb); (cd "$here" && find build.sh initramfs-init syslinux.cfg root -type f | sort | xargs sha256sum)
  echo "$virtual_mib"; } | sha256sum | cut -c1-64)
if [[ -e $out && $(cat "$out.inputs" 2>/dev/null) = "$inputs" ]]; then
  exit 0
fi
say "building $out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ------------------------------------------------------------------------------------------- unpack what was fetched

unpacked=$work/unpacked
mkdir -p "$unpacked" "$work/kernel"
for package in "$packages"/*.deb; do
  case ${package##*/} in
    linux-*) dpkg-deb -x "$package" "$work/kernel" ;;
    *) dpkg-deb -x "$package" "$unpacked" ;;
  esac
done
kernel_version=$(ls "$work/kernel/lib/modules" 2>/dev/null || ls "$work/kernel/usr/lib/modules")
kernel_modules=$(find "$work/kernel" -type d -path "*lib/modules/$kernel_version/kernel")
# Newer releases have everything under usr.
find_one() { local found; found=$(find "$unpacked" -path "*/$1" \( -type f -o -type l \) | sort | head -n 1); [[ -n $found ]] || fail "no package contains $1"; echo "$found"; }
busybox=$(find_one bin/busybox)

# ------------------------------------------------------------------------------------------------------ initramfs

# In an order in which each driver finds what it builds on. Some are built into some kernels and so have no file.
drivers="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover
  virtio_net virtio_console rng-core virtio-rng cdrom isofs fat vfat nls_cp437 nls_iso8859-1 nls_ascii evdev button
  crc16 crc32c_generic mbcache jbd2 ext4"
initramfs=$work/initramfs
mkdir -p "$initramfs"/{bin,dev,proc,sys,modules,newroot}
cp "$busybox" "$initramfs/bin/busybox"
ln -s busybox "$initramfs/bin/sh"
install -m 755 "$here/initramfs-init" "$initramfs/init"
touch "$initramfs/modules/order"
for driver in $drivers; do
  file=$(find "$kernel_modules" -name "$driver.ko*" | head -n 1)
  case $file in
    '') continue ;;
    *.ko.xz) xz -dc "$file" >"$initramfs/modules/$driver.ko" ;;
    *.ko.zst) zstd -qdc "$file" >"$initramfs/modules/$driver.ko" ;;
    *) cp "$file" "$initramfs/modules/$driver.ko" ;;
  esac
  echo "$driver" >>"$initramfs/modules/order"
done

# ------------------------------------------------------------------------------------------------ root file system

root=$work/root
mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,root,mnt,lib64,lib/x86_64-linux-gnu,var/lib/cloud,var/www,var/log,etc/dropbear}
cp -r "$here/root/." "$root/"
chmod 755 "$root"/etc/rc.* "$root/etc/udhcpc.sh" "$root/sbin/console" "$root"/etc/acpi/PWRF/*
chmod 700 "$root/root"
chmod 1777 "$root/tmp"
ln -s ../run "$root/var/run"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
  [[ -e $root/bin/$applet ]] || ln -s busybox "$root/bin/$applet"
done
for applet in init getty halt poweroff reboot; do ln -sf ../bin/busybox "$root/sbin/$applet"; done

# The loader of the unpacked C library says which libraries a program loads; all must come from the packages.
loader=$(find_one x86_64-linux-gnu/ld-linux-x86-64.so.2)
cp -L "$loader" "$root/lib64/ld-linux-x86-64.so.2"
library_path=$unpacked/lib/x86_64-linux-gnu:$unpacked/usr/lib/x86_64-linux-gnu
add_program() {
  local program library
  program=$(find_one "$1")
  install -m 755 "$program" "$root/sbin/${1##*/}"
  while read -r library; do
    [[ $library = "$unpacked"/* ]] || fail "${1##*/} needs $library, which is in none of the packages"
    cp -L "$library" "$root/lib/x86_64-linux-gnu/"
  done < <("$loader" --inhibit-cache --library-path "$library_path" --list "$program" |
    sed -nE 's/^\s*\S+ => (\S+) .*/\1/p' | grep -v ld-linux)
}
rm -f "$root"/bin/{resize2fs,dropbear,dropbearkey}
add_program sbin/qemu-ga
add_program sbin/dropbear
add_program bin/dropbearkey
add_program sbin/resize2fs

find "$initramfs" "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$initramfs" && find . | sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -9n) >"$work/initrd.gz"

# ------------------------------------------------------------------------------- boot partition, 1 MiB to 33 MiB

truncate -s 32M "$work/boot.img"
mkfs.vfat -F 16 --invariant -i 7b007b00 -n BOOT "$work/boot.img" >/dev/null
cp "$work/kernel/boot/vmlinuz-$kernel_version" "$work/vmlinuz"
cp "$here/syslinux.cfg" "$work/"
mkdir -p "$work/EFI/BOOT"
cp /usr/lib/SYSLINUX.EFI/efi64/syslinux.efi "$work/EFI/BOOT/BOOTX64.EFI"
cp /usr/lib/syslinux/modules/efi64/ldlinux.e64 "$work/EFI/BOOT/"
touch -d "@$SOURCE_DATE_EPOCH" "$work"/{syslinux.cfg,initrd.gz,vmlinuz,EFI/BOOT/*,EFI/BOOT,EFI}
mcopy -s -m -i "$work/boot.img" "$work/vmlinuz" "$work/initrd.gz" "$work/syslinux.cfg" "$work/EFI" ::/
syslinux --install "$work/boot.img"

# ---------------------------------------------------------------------- root partition, from 33 MiB, grows at boot

truncate -s "${root_mib}M" "$work/root.img"
mke2fs -q -t ext4 -d "$root" -L root -U 5ee75ee7-0000-4000-8000-000000000001 \
  -E hash_seed=5ee75ee7-0000-4000-8000-000000000002,root_owner=0:0,lazy_itable_init=0 -O ^metadata_csum_seed "$work/root.img"
# mke2fs copies the owner and the time of the last status change, which nobody can set: both are put right afterwards.
read -r inodes free < <(dumpe2fs -h "$work/root.img" 2>/dev/null | awk -F: '/^Inode count/ { c = $2 } /^Free inodes/ { f = $2 } END { print c, f }')
for inode in 2 $(seq 11 $((inodes - free + 1))); do
  printf 'sif <%d> %s\n' "$inode" "ctime @$SOURCE_DATE_EPOCH" "$inode" "ctime_extra 0" "$inode" "uid 0" "$inode" "gid 0"
done >"$work/debugfs-commands"
debugfs -w -f "$work/debugfs-commands" "$work/root.img" >/dev/null 2>"$work/debugfs.log" ||
  { cat "$work/debugfs.log" >&2; fail "debugfs failed"; }

# ------------------------------------------------------------------------------------------------ the whole disk

truncate -s "${virtual_mib}M" "$work/disk.img"
sfdisk -q "$work/disk.img" <<TABLE
label: dos
label-id: 0x5ee75ee7
start=2048, size=65536, type=e, bootable
start=67584, size=$((root_mib * 2048)), type=83
TABLE
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$work/disk.img" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot.img" of="$work/disk.img" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.img" of="$work/disk.img" bs=1M seek=33 conv=notrunc,sparse status=none
mkdir -p "$(dirname "$out")"
qemu-img convert -f raw -O qcow2 "$work/disk.img" "$out.part"
mv "$out.part" "$out"
echo "$inputs" >"$out.inputs"
say "$out is ready: $(du -h "$out" | cut -f1), kernel $kernel_version"
