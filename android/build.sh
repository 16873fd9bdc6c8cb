#!/usr/bin/env bash
# Builds for phones and small boards: static programs of musl for aarch64, armv7 and x86-64, which run on any Linux from 3.2 on,
# Android among them, and need no file beside them.
#
#   android/build.sh                   all three machines, and what the example serves
#   android/build.sh armv7             some of: aarch64 armv7 x86_64
#   android/build.sh tests             the tests over sockets for x86-64, static, of musl as those programs are: OUT/wire
#   android/build.sh check             only has the compiler look at everything for real Android targets
#   ANDROID_NDK_HOME=... android/build.sh   for Android's own C library in place of musl, by the NDK's linker
#
# For each machine MACHINE-musl/ (or MACHINE-android/) below the folder OUT gets `badger`, the example `honeybadger`, and `files`,
# the least program that serves a folder and a pack: what the library alone weighs. OUT is android/ in the target folder unless it
# is set. Sizes and SHA-256 are printed at the end; a program beyond its budget is a failure.
#
# Wants Debian 12 on x86-64, `apt-get`, `dpkg`, and python3 with pip (as root it installs those two); asks nothing. Of this system
# nothing else changes: compiler and linker are unpacked into a folder of their own. Why these: no Debian package has Rust's
# standard library for musl, so it is compiled here, from the sources that belong to Debian's compiler; zig brings musl itself,
# a C compiler (zstd in `badger` is C) and a linker for all machines in one package. The first run takes some
# four minutes of processor time for each machine.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target/android"
home=$(cd "$target/android" && pwd)
out=${OUT:-$home/out}

# Bytes: what the programs may be at most. `badger` had 2,620,144 for armv7 and 2,994,960 for aarch64 when this was written, so there it
# has no room left; for x86-64, whose instructions are longer, it misses the 3,000,000 that are wanted. What was tried:
# ARCHITECTURE.md, "Smaller programs".
declare -A bytes_max=([badger]=3000000 [files]=700000)
badger_bytes_max_x86_64=3350000

# Of these exact bytes, whoever hands them out. A new version is a change of this list.
wheels='cargo-zigbuild==0.24.0 --hash=sha256:484412e39e4c6039474535ce97ee75a22bab22d58233056f8ec8a8f9034bb957
ziglang==0.15.2 --hash=sha256:806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130'

# The oldest Android that the NDK is asked for: 5.0, the first with a 64-bit system.
android_version=21

say() { printf '%s\n' "$*"; }
die() { say "build.sh: $*" >&2; exit 1; }

# Where flags are composed, a blank ends one.
for path in "$PWD" "$home" "${CARGO_HOME:-$HOME/.cargo}"; do
    [[ $path != *[[:space:]]* ]] || die "the compiler cannot be told of $path: put the checkout, CARGO_TARGET_DIR and CARGO_HOME where no name has a blank"
done

# Debian's compiler with all that it needs but the C library. Lists, cache and the list of what counts as installed are our own.
unpack_rust() {
    [[ -e $home/rust/ready ]] && return
    local apt=$home/apt options package
    rm -rf "$home/rust" "$apt"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial} "$home/rust"
    : >"$apt/status"
    options=(-q -y -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
        -o APT::Sandbox::User="$(id -un)")
    # A list that cannot be had matters only if the packages below are not in the others.
    apt-get "${options[@]}" update || say "some lists of packages could not be had"
    apt-get "${options[@]}" install --download-only --no-install-recommends rustc-web cargo-web rust-web-src ||
        die "rustc-web, cargo-web and rust-web-src cannot be had: they are in Debian 12 (bookworm, security updates)"
    for package in "$apt"/cache/archives/*.deb; do
        # The C library is this system's, and zig links.
        case ${package##*/} in
            libc6_* | gcc-* | cpp-* | binutils* | libc6-dev_*) ;;
            *) dpkg -x "$package" "$home/rust" ;;
        esac
    done
    rm -rf "$apt"
    touch "$home/rust/ready"
}

# What is unpacked is that of the list, also after a change of it.
unpack_zig() {
    [[ $(cat "$home/zig/ready" 2>/dev/null) == "$wheels" ]] && return
    if ! python3 -m pip --version >/dev/null 2>&1; then
        ((EUID == 0)) || die "python3 with pip is missing: apt-get install python3-pip"
        apt-get -qq update
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends python3-pip
    fi
    rm -rf "$home/zig" "$home/wheels"
    mkdir -p "$home/zig" "$home/wheels"
    say "$wheels" >"$home/wheels/list"
    python3 -m pip download --quiet --no-deps --require-hashes --dest "$home/wheels" --requirement "$home/wheels/list"
    # A wheel is a ZIP file; Python's own reader forgets which files are programs.
    python3 - "$home/zig" "$home"/wheels/*.whl <<'PYTHON'
import os, sys, zipfile
for wheel in sys.argv[2:]:
    with zipfile.ZipFile(wheel) as file:
        for member in file.infolist():
            path = file.extract(member, sys.argv[1])
            if member.external_attr >> 16 & 0o100:
                os.chmod(path, 0o755)
PYTHON
    rm -rf "$home/wheels"
    # For build scripts, which run here.
    printf '#!/bin/sh\nexec "%s" cc "$@"\n' "$home/zig/ziglang/zig" >"$home/zig/cc"
    chmod +x "$home/zig/cc"
    say "$wheels" >"$home/zig/ready"
}

# Runs a command where the unpacked compiler is the compiler.
with_rust() {
    local root=$home/rust
    local libraries=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
    local zigbuild=("$home"/zig/cargo_zigbuild-*.data/scripts)
    # The standard library is compiled with the program, which only an unstable option does.
    env LD_LIBRARY_PATH="$libraries" PATH="$root/usr/bin:${zigbuild[0]}:$PATH" \
        CARGO="$root/usr/bin/cargo" RUSTC="$root/usr/bin/rustc" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$home/target" CARGO_INCREMENTAL=0 \
        CARGO_ZIGBUILD_ZIG_PATH="$home/zig/ziglang/zig" CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER="$home/zig/cc" \
        "$@"
}

# What all code is made with: no path of this machine gets into it, so that it is the same wherever it is built; Cargo.toml says what
# is left out here; and what whoever calls this wants.
flags() {
    say "--cfg badger_device --remap-path-prefix=$PWD=. --remap-path-prefix=$home/rust=/rust" \
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo ${RUSTFLAGS:-}"
}

# Without its reader of debugging information: there is none in these programs, so it would only make them larger.
standard_library=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
what=(--locked --profile device --features cli --bin badger --example honeybadger --example files)

# The name of a machine as the compiler has it.
triple() {
    case $1-${2:-musl} in
        aarch64-musl) say aarch64-unknown-linux-musl ;;
        armv7-musl) say armv7-unknown-linux-musleabihf ;;
        x86_64-musl) say x86_64-unknown-linux-musl ;;
        aarch64-android) say aarch64-linux-android ;;
        armv7-android) say armv7-linux-androideabi ;;
        x86_64-android) say x86_64-linux-android ;;
        *) die "no machine $1; there are aarch64, armv7 and x86_64" ;;
    esac
}

# What a machine's code is made with beside that. A panic ends these programs, so nobody walks up their stacks: no tables for that.
# And the short instructions of ARM take a quarter less room.
code() {
    local flags='-C force-unwind-tables=no'
    [[ $1 != armv7 ]] || flags+=' -C target-feature=+thumb-mode'
    say "$flags"
}

# What zstd is made of: the strategies of level 19, the only one that is asked for. Its bytes stay what they are, which
# tests/devices/run looks at.
# And nothing twice, for processors with and without BMI2.
zstd_flags='-fno-asynchronous-unwind-tables -DDYNAMIC_BMI2=0 -DZSTD_DISABLE_ASM'
for strategy in DFAST GREEDY LAZY LAZY2 BTLAZY2; do
    zstd_flags+=" -DZSTD_EXCLUDE_${strategy}_BLOCK_COMPRESSOR"
done

# All machines by one cargo: what runs here (build scripts, macros) is compiled once, and one machine's code while another has work for
# one core only. So each has its flags under its own name, which count only where there are none for all.
build_musl() {
    local machine name variable settings=() targets=()
    for machine in "${machines[@]}"; do
        name=$(triple "$machine")
        variable=${name//-/_}
        # The start files and libraries are zig's.
        settings+=("CARGO_TARGET_${variable^^}_RUSTFLAGS=-C link-self-contained=no $(code "$machine") $(flags)")
        targets+=(--target "$name")
    done
    TARGET_CFLAGS=$zstd_flags with_rust env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS "${settings[@]}" cargo-zigbuild zigbuild \
        "${standard_library[@]}" "${targets[@]}" "${what[@]}"
}

build_android() {
    local machine name tools clang variable settings=() targets=()
    tools=$ANDROID_NDK_HOME/toolchains/llvm/prebuilt/linux-x86_64/bin
    for machine in "${machines[@]}"; do
        name=$(triple "$machine" android)
        clang=$tools/${name/#armv7-/armv7a-}$android_version-clang
        [[ -x $clang ]] || die "the NDK of ANDROID_NDK_HOME has no $clang"
        variable=${name//-/_}
        settings+=("CC_$variable=$clang" "AR_$variable=$tools/llvm-ar" "CARGO_TARGET_${variable^^}_LINKER=$clang"
            "CARGO_TARGET_${variable^^}_RUSTFLAGS=$(code "$machine") $(flags)")
        targets+=(--target "$name")
    done
    TARGET_CFLAGS=$zstd_flags with_rust env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS "${settings[@]}" cargo build \
        "${standard_library[@]}" "${targets[@]}" "${what[@]}"
}

# The library for Android's targets, up to the linker, which only an NDK has. (The programs need an NDK before that: zstd is C.)
# Nothing of it runs, so nothing is optimised: of the standard library cargo makes code here too.
check_android() {
    local machine targets=()
    for machine in "${machines[@]}"; do
        targets+=(--target "$(triple "$machine" android)")
    done
    RUSTFLAGS=$(flags) with_rust cargo check "${standard_library[@]}" --locked --profile device \
        --config profile.device.opt-level=0 --lib "${targets[@]}"
}

# They unwind, as tests do; the package has nothing but them (tests/bare.py).
build_tests() {
    local package=$home/package built
    python3 tests/bare.py "$package"
    built=$(cd "$package" && RUSTFLAGS="-C link-self-contained=no $(flags)" with_rust cargo-zigbuild test -Zbuild-std=std,panic_unwind,test \
        --config profile.dev.debug=0 --target x86_64-unknown-linux-musl --no-run --test wire --message-format=json-render-diagnostics |
        python3 -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line) if line.startswith("{") else {}
    if message.get("executable") and message["profile"]["test"]:
        print(message["executable"])')
    [[ -x $built ]] || die "the tests do not build"
    mkdir -p "$out"
    cp "$built" "$out/wire"
}

# Sizes, sums, budgets.
judge() {
    local path name bytes most failed=0
    for path in "${built[@]}"; do
        name=${path##*/}
        bytes=$(stat -c %s "$path")
        printf '%9d bytes  %s  %s\n' "$bytes" "$(sha256sum "$path" | cut -d' ' -f1)" "${path#"$out/"}"
        most=${bytes_max[$name]:-}
        [[ $path != */x86_64-*/badger ]] || most=$badger_bytes_max_x86_64
        if [[ -n $most ]] && ((bytes > most)); then
            say "build.sh: $path is larger than its budget of $most bytes" >&2
            failed=1
        fi
    done
    return $failed
}

machines=(aarch64 armv7 x86_64)
action=build
case ${1:-} in
    check | tests)
        action=$1
        shift
        ;;
esac
(($#)) && machines=("$@")
for machine in "${machines[@]}"; do
    triple "$machine" >/dev/null
done

unpack_rust
unpack_zig
with_rust rustc --version
case $action in
    check) check_android ;;
    tests) build_tests ;;
esac
[[ $action == build ]] || exit 0
kind=musl
[[ -z ${ANDROID_NDK_HOME:-} ]] || kind=android
"build_$kind"
built=()
for machine in "${machines[@]}"; do
    mkdir -p "$out/$machine-$kind"
    from=$home/target/$(triple "$machine" "$kind")/device
    cp "$from/badger" "$from/examples/honeybadger" "$from/examples/files" "$out/$machine-$kind/"
    built+=("$out/$machine-$kind"/{badger,honeybadger,files})
done
judge
