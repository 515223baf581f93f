#!/bin/sh
# What udhcpc calls with the lease it got.
case $1 in
    bound | renew)
        ip addr flush dev "$interface"
        ip addr add "$ip/${mask:-24}" dev "$interface"
        ip link set "$interface" up
        [ -n "$router" ] && ip route add default via "${router%% *}"
        : >/etc/resolv.conf
        for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
        ;;
    deconfig) ip link set "$interface" up ;;
esac
exit 0
