#!/bin/sh
# What happens once at every boot: mounts, network, the seed of the cloud, services, and one line that says it is done.
export PATH=/bin:/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 run /run
mkdir -p /dev/pts
mount -t devpts -o gid=5,mode=620 devpts /dev/pts

# The initramfs made the partition larger when the disk is; the file system follows while it is in use.
sectors=$(cat /sys/class/block/vda2/size)
if [ "$(cat /var/lib/root-sectors 2>/dev/null)" != "$sectors" ]; then
    resize2fs /dev/vda2 >/run/resize2fs.log 2>&1 && echo "$sectors" >/var/lib/root-sectors
fi

ip link set lo up
# In the background: no service waits for an address.
[ -e /sys/class/net/eth0 ] && udhcpc -i eth0 -b -S -s /etc/udhcpc.sh >/run/udhcpc.log 2>&1 &

/etc/rc.seed
hostname -F /etc/hostname

boots=$(($(cat /var/lib/boots 2>/dev/null || echo 0) + 1))
echo "$boots" >/var/lib/boots
sync
state="host=$(hostname) boots=$boots iid=$(cat /var/lib/cloud/instance-id 2>/dev/null)"
echo "$state" >/var/www/index.html
httpd -p 80 -h /var/www

# A key belongs to one machine: rc.seed removes it when this disk became another one.
[ -f /etc/dropbear/dropbear_ed25519_host_key ] ||
    dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key >/dev/null 2>&1
dropbear -s -P /run/dropbear.pid -r /etc/dropbear/dropbear_ed25519_host_key

acpid -c /etc/acpi -l /run/acpid.log

# The agent through which the cloud asks for a consistent moment (guest-fsfreeze-freeze and -thaw).
for name in /sys/class/virtio-ports/*/name; do
    [ "$(cat "$name" 2>/dev/null)" = org.qemu.guest_agent.0 ] || continue
    port=${name%/name}
    qemu-ga -d -m virtio-serial -p "/dev/${port##*/}" -t /run -f /run/qemu-ga.pid -l /run/qemu-ga.log
done

printf '\r\n@@READY %s up=%s\r\n' "$state" "$(cut -d' ' -f1 /proc/uptime)" >/dev/ttyS0
