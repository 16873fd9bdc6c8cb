#!/data/data/com.termux/files/usr/bin/sh
# Starts the server when the phone starts: to be ~/.termux/boot/badger, with the app Termux:Boot. What is served and where is
# in ~/badger.toml (docs/configuration.md); what the server says is in ~/badger.log, that of the start before in badger.log.old.
termux-wake-lock
cd "$HOME" || exit 1
export TMPDIR="$PREFIX/tmp"
[ -e badger.log ] && mv -f badger.log badger.log.old
exec ./badger serve --config badger.toml --control "$HOME/badger.control" >badger.log 2>&1
