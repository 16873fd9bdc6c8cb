#!/usr/bin/env bash
# Serves from a phone that is plugged in, by adb: puts the program for its processor on it, starts it, and brings its port here.
#
#   android/run.sh start PATH...     serves packs and folders; PATHs are copied to the phone first (those that changed)
#   android/run.sh demo              the example with its demo, which the phone draws by itself: some minutes the first time
#   android/run.sh probe             what the phone offers to a server
#   android/run.sh logs              what the server has said so far
#   android/run.sh stop              lets answers under way end, then takes the forwarded port back
#   android/run.sh remove            stops, and takes everything off the phone
#
# Wants adb, a phone with USB debugging, and android/build.sh to have run (OUT: where its programs are). ANDROID_SERIAL names one of
# several phones, as for adb; PORT is the port on both sides (8080), LISTEN the address on the phone: 127.0.0.1 is reached through
# the cable only, 0.0.0.0 by everybody on its Wi-Fi. Nothing is installed: all lies in DIR on the phone (/data/local/tmp/badger).
set -euo pipefail
# What fails inside $(...) ends the script too.
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
out=${OUT:-$target/android/out}
directory=${DIR:-/data/local/tmp/badger}
port=${PORT:-8080}
listen=${LISTEN:-127.0.0.1}

say() { printf '%s\n' "$*"; }
die() { say "run.sh: $*" >&2; exit 1; }

# Old adb gives no exit status of what it runs, and old shells end lines with CR LF; so the status comes as the last line.
phone() {
    local said status
    said=$(adb shell "$*"'; echo "status=$?"' </dev/null | tr -d '\r') || die "the phone does not answer: adb devices"
    status=${said##*status=}
    said=${said%status=*}
    printf '%s' "$said"
    [[ $status =~ ^[0-9]+$ ]] || die "the phone does not answer: adb devices"
    return "$status"
}

# The folder of the phone's programs: Android's own name for the processor decides.
machine() {
    case $(phone getprop ro.product.cpu.abi) in
        arm64-v8a) say aarch64 ;;
        armeabi-v7a) say armv7 ;;
        x86_64) say x86_64 ;;
        *) die "there is no program for a processor called $(phone getprop ro.product.cpu.abi)" ;;
    esac
}

# Built with an NDK, or else with musl.
program() {
    local kind machine
    machine=$(machine) || exit
    for kind in android musl; do
        if [[ -x $out/$machine-$kind/$1 ]]; then
            say "$out/$machine-$kind/$1"
            return
        fi
    done
    die "there is no $1 for $machine in $out: android/build.sh $machine"
}

# Copies a file unless the phone has it: one of the same size, with our note of the same time.
push_file() {
    local from=$1 to=$2
    if [[ $(phone "ls -l '$to' 2>/dev/null" || true) == *" $(stat -c %s "$from") "* && $(phone "cat '$to.stamp' 2>/dev/null" || true) == "$(stat -c %Y "$from")" ]]; then
        return
    fi
    adb push "$from" "$to" </dev/null
    phone "echo $(stat -c %Y "$from") >'$to.stamp'"
}

push_program() {
    local from
    phone "mkdir -p '$directory/tmp'"
    from=$(program "$1")
    push_file "$from" "$directory/$1"
    phone "chmod 755 '$directory/$1'"
}

# The number of the process of the last start, or nothing if it is not there any more: another one may have got the number since. By
# the shell alone: old phones have no grep. It fails only where the phone does not answer.
running() {
    phone "pid=\$(cat '$directory/pid' 2>/dev/null); case \"\$(cat \"/proc/\${pid:-none}/cmdline\" 2>/dev/null)\" in '$directory'/*) echo \$pid ;; esac"
}

# Before anything is copied: what a server serves does not change under it.
refuse_second() {
    local process
    process=$(running)
    [[ -z $process ]] || die "a server runs already: android/run.sh stop"
}

# Starts a program of DIR in the background. No nohup or setsid: phones as old as these servers are meant for have neither. Only the
# program goes into the background: of `cd ... && (...) &` Android's shell would make one more process that waits for it, holds the
# output of adb open, and whose number $! would be.
launch() {
    local program=$1 seconds said='' process
    shift
    phone "rm -f '$directory/log'; cd '$directory' && { (trap '' HUP; export TMPDIR='$directory/tmp' HOME='$directory'; exec '$directory/$program' $* >log 2>&1 </dev/null) >/dev/null 2>&1 & echo \$! >'$directory/pid'; }" ||
        die "the phone cannot start a program in $directory"
    for ((seconds = 0; seconds < 600; seconds++)); do
        said=$(phone "cat '$directory/log' 2>/dev/null" || true)
        if [[ $said == *"listening on "* ]]; then
            break
        fi
        process=$(running)
        # At the first look the shell may not have become the program yet.
        [[ -n $process ]] || ((seconds == 0)) || die "it ended: $said"
        sleep 1
    done
    [[ $said == *"listening on "* ]] || die "it does not listen after ten minutes: $said"
    say "$said" | grep '^listening on'
    adb forward "tcp:$port" "tcp:$port" </dev/null >/dev/null
    say "from here: http://127.0.0.1:$port/   (android/run.sh logs, android/run.sh stop)"
}

start() {
    (($#)) || die "start what? Name packs and folders"
    local path name arguments=()
    declare -A path_of
    for path in "$@"; do
        [[ -e $path ]] || die "$path is not there"
        # `.` and `..` have a name too.
        path=$(realpath -s "$path")
        name=$directory/content/$(basename "$path")
        [[ $name != *"'"* ]] || die "$path: a name with a quotation mark; give it another"
        [[ -z ${path_of[$name]:-} ]] || die "$path and ${path_of[$name]} would be one on the phone; give one of them another name"
        path_of[$name]=$path
        arguments+=("'$name'")
    done
    refuse_second
    push_program badger
    phone "mkdir -p '$directory/content'"
    for name in "${!path_of[@]}"; do
        path=${path_of[$name]}
        if [[ -d $path ]]; then
            phone "rm -rf '$name'"
            adb push "$path" "$name" </dev/null
        else
            push_file "$path" "$name"
        fi
    done
    launch badger serve "${arguments[@]}" --listen "$listen:$port"
}

demo() {
    refuse_second
    push_program honeybadger
    launch honeybadger --data "'$directory/data'" --listen "$listen:$port"
}

probe() {
    push_program badger
    phone "cd '$directory' && ./badger probe '$directory'"
    say ''
}

logs() {
    phone "cat '$directory/log'" || die "there is no log: nothing was started"
    say ''
}

stop() {
    local process seconds
    adb forward --remove "tcp:$port" </dev/null >/dev/null 2>&1 || true
    process=$(running)
    [[ -n $process ]] || { say "no server runs"; return; }
    phone "kill -TERM $process"
    for ((seconds = 0; seconds < 30; seconds++)); do
        process=$(running)
        [[ -n $process ]] || { say "stopped"; return; }
        sleep 1
    done
    die "the server has not ended after 30 seconds: android/run.sh logs"
}

remove() {
    stop
    phone "rm -rf '$directory'"
}

command -v adb >/dev/null || die "adb is missing: apt-get install adb"
case ${1:-} in
    start | demo | probe | logs | stop | remove) "$@" ;;
    *)
        sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
        exit 2
        ;;
esac
