#!/usr/bin/env bash
# Boots the test machine and checks what darkroom relies on: boot, console, seed, agent, SSH, HTTP, growth, power button.
#
#   end2end/guest/check.sh [IMAGE.qcow2]      default: target/guest/darkroom-linux.qcow2
#
# Works on a throw-away overlay; the image is not changed. Prints one line per check with its time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
image=$(realpath "${1:-$here/../../target/guest/darkroom-linux.qcow2}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ssh-keygen -q -t ed25519 -N '' -C check -f "$work/key"
mkdir "$work/seed"
printf 'instance-id: check-1\nlocal-hostname: first-light\npublic-keys:\n  - %s\n' "$(cat "$work/key.pub")" >"$work/seed/meta-data"
printf '#!/bin/sh\necho run >>/root/user-data-ran\n' >"$work/seed/user-data"
genisoimage -quiet -volid cidata -joliet -rock -output "$work/seed.iso" "$work/seed"
qemu-img create -q -f qcow2 -b "$image" -F qcow2 "$work/disk.qcow2" 2G
python3 - "$work" <<'PY'
import json, os, re, socket, subprocess, sys, time

work = sys.argv[1]
started = time.monotonic()


def report(name):
    print(f"ok {time.monotonic() - started:6.1f} s  {name}", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


ssh_port, http_port = free_port(), free_port()
qemu = subprocess.Popen([
    "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-m", "256", "-smp", "1", "-display", "none", "-nodefaults",
    "-serial", f"unix:{work}/serial,server=on,wait=off", "-qmp", f"unix:{work}/qmp,server=on,wait=off",
    "-drive", f"file={work}/disk.qcow2,format=qcow2,if=virtio", "-drive", f"file={work}/seed.iso,format=raw,if=virtio,readonly=on",
    "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={work}/agent,server=on,wait=off",
    "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
    "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{ssh_port}-:22,hostfwd=tcp:127.0.0.1:{http_port}-:80", "-device", "virtio-net-pci,netdev=n",
])


class Stream:
    """A unix socket of QEMU with `until`: reads to the first match and keeps what came after it."""

    def __init__(self, name):
        deadline = time.monotonic() + 10
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(f"{work}/{name}")
                break
            except OSError:
                if time.monotonic() > deadline or qemu.poll() is not None:
                    raise
                time.sleep(0.05)
        self.name, self.buffer = name, b""

    def send(self, data):
        self.socket.sendall(data)

    def until(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.buffer)):
            left = deadline - time.monotonic()
            self.socket.settimeout(max(left, 0.01))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                data = None
            if left <= 0 or data == b"":
                sys.exit(f"FAILED: {self.name} never said {pattern!r}; it said:\n{self.buffer.decode(errors='replace')}")
            self.buffer += data or b""
        self.buffer = self.buffer[match.end():]
        return match


def command(stream, execute, arguments=None):
    stream.send(json.dumps({"execute": execute} | ({"arguments": arguments} if arguments else {})).encode() + b"\n")
    return json.loads(stream.until(rb'(\{"(return|error)".*\})\r?\n').group(1))["return"]


def ssh(line):
    return subprocess.run(
        ["ssh", "-i", f"{work}/key", "-p", str(ssh_port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "root@127.0.0.1", line],
        stdout=subprocess.PIPE, check=True, timeout=40, text=True).stdout.strip()


try:
    serial, qmp = Stream("serial"), Stream("qmp")
    qmp.until(rb"QMP.*\n")
    command(qmp, "qmp_capabilities")
    ready = serial.until(rb"@@READY host=(\S+) boots=(\d+) iid=(\S+) up=", 60)
    assert ready.groups() == (b"first-light", b"1", b"check-1"), ready.groups()
    report("boots, reads its seed and says READY")
    serial.until(rb"first-light:~# ")
    serial.send(b"echo tw\bwo-$((1+1))\r")
    serial.until(rb"\r\nwo-2|\r\ntwo-2")
    serial.until(rb"first-light:~# ")
    report("console has a prompt, echo and line editing")
    # Only a program that runs can be interrupted: it says so first.
    serial.send(b"printf 'st%s' arted; sleep 100\r")
    serial.until(rb"started")
    serial.send(b"\x03")
    serial.until(rb"first-light:~# ")
    report("console passes Ctrl-C")

    agent = Stream("agent")
    agent.send(b'\xff{"execute":"guest-sync-delimited","arguments":{"id":4711}}\n')
    agent.until(rb'\xff\{"return": ?4711\}')
    assert command(agent, "guest-ping") == {}
    report("agent answers")
    frozen_at = time.monotonic()
    assert command(agent, "guest-fsfreeze-freeze") == 1
    took = time.monotonic() - frozen_at
    assert command(agent, "guest-fsfreeze-status") == "frozen"
    assert command(agent, "guest-fsfreeze-thaw") == 1
    assert command(agent, "guest-fsfreeze-status") == "thawed"
    report(f"agent freezes (in {took * 1000:.0f} ms) and thaws")

    assert ssh("hostname; cat /root/user-data-ran").split() == ["first-light", "run"]
    report("SSH with the seed's key; the user's script ran")
    size_mib = int(ssh("df -m / | tail -n 1 | awk '{print $2}'"))
    assert size_mib > 1700, size_mib
    report(f"root grew with the disk to {size_mib} MiB")
    page = subprocess.run(["curl", "-sS", "-m", "10", f"http://127.0.0.1:{http_port}/"], stdout=subprocess.PIPE, check=True, text=True).stdout
    assert "host=first-light" in page, page
    report("HTTP on port 80")

    serial.send(b"reboot\r")
    ready = serial.until(rb"@@READY host=(\S+) boots=(\d+) ", 60)
    assert ready.group(2) == b"2", ready.groups()
    assert ssh("cat /root/user-data-ran; test -z \"$(dmesg | grep -i 'recovery complete')\" && echo clean").split() == ["run", "clean"]
    report("reboots cleanly; the user's script did not run again")

    serial.until(rb"first-light:~# ")
    pressed_at = time.monotonic()
    command(qmp, "system_powerdown")
    qemu.wait(timeout=20)
    report(f"power button: off in {time.monotonic() - pressed_at:.1f} s")
finally:
    if qemu.poll() is None:
        qemu.kill()
PY
# A clean power-off leaves a file system that needs no repair: state 1 in the superblock, no journal to replay.
qemu-img convert -O raw "$work/disk.qcow2" "$work/disk.raw"
dd if="$work/disk.raw" of="$work/root.img" bs=1M skip=33 conv=sparse status=none
PATH=$PATH:/usr/sbin:/sbin
if dumpe2fs -h "$work/root.img" 2>/dev/null | grep -q needs_recovery; then
  echo "FAILED: the file system was not ended cleanly" >&2
  exit 1
fi
e2fsck -fn "$work/root.img" >"$work/e2fsck.log" 2>&1 || { cat "$work/e2fsck.log"; echo "FAILED: e2fsck" >&2; exit 1; }
echo "ok           the file system was ended cleanly"
