#!/bin/sh
# First process of a node: it runs in new mount, network, PID, UTS, IPC and cgroup namespaces, sets up what the node
# sees and becomes the node's init. Arguments: ROOT LOWER UPPER WORK DATA SHARED HOSTNAME, then FOLDER=OPTIONS per hierarchy.
set -eu
root=$1 lower=$2 upper=$3 work=$4 data=$5 shared=$6 name=$7
shift 7

# /proc is still that of the machine, so this is the number that the machine knows this process by.
read -r pid rest </proc/self/stat
echo "$pid" >"$data/init.pid"

mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
cd "$root"
mkdir -p proc sys dev run tmp oldroot var/lib/containerd var/lib/kubelet var/lib/etcd var/log
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
for hierarchy; do
  mkdir -p "sys/fs/cgroup/${hierarchy%%=*}"
  mount -t cgroup -o "${hierarchy#*=}" cgroup "sys/fs/cgroup/${hierarchy%%=*}"
done

mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty kmsg fuse userfaultfd net/tun; do
  [ -e "/dev/$device" ] || continue
  mkdir -p "dev/$(dirname "$device")"
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t mqueue mqueue dev/mqueue
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
# An overlay cannot be the upper side of another overlay: what containers write needs folders of a real file system.
for folder in containerd kubelet etcd; do
  mkdir -p "$data/$folder"
  mount --bind "$data/$folder" "var/lib/$folder"
done
mkdir -p "$data/log"
mount --bind "$data/log" var/log
# The same folder on every node: what shared storage would be.
mkdir -p srv/shared
mount --bind "$shared" srv/shared

pivot_root . oldroot
cd /
umount -l /oldroot
rmdir /oldroot
hostname "$name"
mount --make-rshared /
ip link set lo up
: >/run/lab-node-is-set-up
exec /usr/bin/catatonit -P
