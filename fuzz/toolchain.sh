# The Rust that the scripts beside this one use: sets `plus`, what goes behind `cargo` and `rustc` to choose it.
# Sourced: FUZZ_TOOLCHAIN, else a nightly if rustup has one, else the Rust that is there. What they need of the compiler
# is in every release and only locked: RUSTC_BOOTSTRAP opens it.
# shellcheck shell=bash
if [[ -n ${FUZZ_TOOLCHAIN:-} ]]; then
    plus=(+"$FUZZ_TOOLCHAIN")
elif rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
    plus=(+nightly)
else
    plus=()
fi
export RUSTC_BOOTSTRAP=1
# shellcheck disable=SC2034
machine=$(rustc "${plus[@]}" -vV | sed -n 's/^host: //p')
# shellcheck disable=SC2034
sysroot=$(rustc "${plus[@]}" --print sysroot)
