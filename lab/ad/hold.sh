#!/usr/bin/env bash
# PID 1 of one lab host: makes the mount namespace it is started in private and gives the host its own name, /etc, /run,
# /tmp and Samba folders, then only reaps children until it is killed; the kernel then ends every process of its PID
# namespace. Shell, because this is mount after mount. Started by namespace.ts:  hold.sh NAME DIRECTORY PROGRAM
set -euo pipefail
name=$1 directory=$2 program=$3

# Still the outer /proc: here a process finds the PID by which the outside knows it. A builtin, since a child would find its own.
read -r outer_pid _ </proc/self/stat

mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"

# An overlay and not a copy: nothing of the machine's /etc is written elsewhere.
cd "$directory"
mkdir -p etc etc-work
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$directory/etc,workdir=$directory/etc-work" /etc

# Before the folders below cover the place where it may stand. Read-only: a lab host changes nothing of the checkout.
mkdir -p program
mount --bind "$program" program
mount -o remount,bind,ro program

own() { # own FOLDER: the lab host has this folder for itself, empty
  mkdir -p "folders$1" "$1"
  # Relative and taken as it stands: the directory may itself lie in /tmp or /run, which are covered one by one.
  mount --no-canonicalize --bind "folders$1" "$1"
}
# All of it: sealwire keeps its registry and the last good guard there, and this machine may have a sealwire of its own.
own /var/lib
own /var/lib/samba
own /var/cache/samba
own /var/log/samba
own /var/tmp
own /tmp
own /run
chmod 1777 /tmp /var/tmp
mkdir -p /var/lib/samba/private /run/samba /run/lock /run/sealwire-lab/program
# Where namespace.ts says that it is.
mount --no-canonicalize --bind program /run/sealwire-lab/program

# Before any interface is there, so that none sends a router solicitation or a multicast report first.
for which in all default; do
  setting=/proc/sys/net/ipv6/conf/$which/disable_ipv6
  if [ -e "$setting" ]; then echo 1 >"$setting"; fi # a kernel without IPv6 has none
done
# The broadcast ping and the multicast ping of the exercise need somebody who answers.
echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts

# Last: who reads it knows that all of the above is done.
echo "$outer_pid" >pid.new
mv pid.new pid
cd /

# bash reaps whatever is handed to PID 1 while it waits.
while :; do
  sleep infinity &
  wait $! || true
done
