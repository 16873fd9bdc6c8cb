#!/system/bin/sh
# Starts the server when a phone with root starts. Where scripts for that lie is the matter of whoever gave the phone its root:
#   Magisk, KernelSU      /data/adb/service.d/badger.sh
#   CyanogenMod           /data/local/userinit.d/90badger
# (mode 755, owner root). The program is /data/local/badger/badger, settings are badger.toml beside it (docs/configuration.md), what
# the server says is in badger.log, that of the start before in badger.log.old.
#
# It runs as root: old kernels of Android let only the group `inet` have sockets, and not every phone's `su` can give it. So serve
# nothing that is not meant for everybody on the network, and let nobody else write to the folder.
cd /data/local/badger || exit 1
mkdir -p tmp
export TMPDIR=/data/local/badger/tmp HOME=/data/local/badger
[ -e badger.log ] && mv -f badger.log badger.log.old
# The processor goes on when the screen is off; `echo badger > /sys/power/wake_unlock` takes it back.
[ -w /sys/power/wake_lock ] && echo badger >/sys/power/wake_lock
# In the background: the phone's start waits for this script.
(trap '' HUP; exec ./badger serve --config badger.toml --control /data/local/badger/control >badger.log 2>&1 </dev/null) &
