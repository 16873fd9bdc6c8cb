//! Reads from a mapped file that survive the file being truncated.
//!
//! Touching a page past the end of a mapped file raises SIGBUS. All reads of a mapping go through one
//! assembly routine; the signal handler knows its first and last address:
//!
//! ```text
//! read:     result = copy(target, source, length)      0 = copied, 1 = a page was missing
//! handler:  if the kernel raised it, and the interrupted program counter lies inside `copy`
//!               program counter := the routine's exit "1";  return
//!           else do what the previous handler would have done
//! ```
//!
//! It is how kernels read user memory (`copy_from_user`). The mapping is not changed, so a `send` from it still
//! gives EFAULT and never a page of zeros; there is no table of mappings, so no limit on their number and nothing
//! that a closing thread can race with; the handler makes no system call, takes no lock, touches no errno.
//!
//! What it does **not** see: truncation to the middle of a page zeroes the rest of that page without a signal, and so
//! does truncating and extending again. The format must catch zeros itself: checksums, and units whose last byte is
//! never zero.
//!
//! A thread that reads here must not block SIGBUS: the kernel then kills the process.
//! Threads need room for one signal frame (`AT_MINSIGSTKSZ`, 1-11 KiB) on their stack or an alternate one.

use std::io;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

/// Why a guarded read gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The file is shorter than its mapping, or a page could not be read. Every later read fails the same way.
    Truncated,
    /// The range is not inside the mapping: a corrupt offset or a bug of the caller.
    OutOfRange,
}

/// Installs the process-wide SIGBUS handler. Calling it again does nothing.
///
/// # Errors
/// `Unsupported` on an architecture without the routine; `AlreadyExists` when it was installed and another handler
/// has since taken its place (putting ours on top again could make the two call each other for ever); what
/// `sigaction` says otherwise. The caller then reads with `pread`.
pub(crate) fn install() -> io::Result<()> {
    static ONCE: Mutex<bool> = Mutex::new(false);
    if !arch::SUPPORTED {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut was_installed = ONCE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if *was_installed {
        return if is_installed() { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) };
    }
    // The previous handler is noted before ours can run, and again in case it changed in between.
    remember(&current_action()?);
    let mut action = empty_action();
    action.sa_sigaction = handler_address();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    let mut previous = empty_action();
    // SAFETY: both point to valid actions; `on_bus_error` has the signature that SA_SIGINFO asks for and does only what
    // a signal handler may.
    let status = unsafe { libc::sigaction(libc::SIGBUS, &raw const action, &raw mut previous) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    remember(&previous);
    *was_installed = true;
    Ok(())
}

/// Whether there is a routine for this processor.
pub(crate) fn is_supported() -> bool {
    arch::SUPPORTED
}

/// Whether SIGBUS comes to our handler now. One system call: ask when a mapping is made, not at each read.
pub(crate) fn is_installed() -> bool {
    current_action().is_ok_and(|action| action.sa_sigaction == handler_address())
}

/// A mapping that is read only by copying out of it, and remembers that it came up short.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// Invariant: `start..start + length` stays mapped and readable while `self` lives (promised to `new`).
    start: NonNull<u8>,
    length: usize,
    poisoned: AtomicBool,
}

// SAFETY: the mapping belongs to the process and not to a thread, and is only read.
unsafe impl Send for Guarded {}
// SAFETY: as above; the flag is atomic.
unsafe impl Sync for Guarded {}

impl Guarded {
    /// Guards a mapping; `None` when the handler is not installed: then read with `pread`.
    ///
    /// # Safety
    /// - `start..start + length` is one mapping, readable, and stays mapped until the value is dropped.
    /// - Nobody holds a reference (`&`) into it. That the file's bytes change is allowed.
    pub(crate) unsafe fn new(start: NonNull<u8>, length: usize) -> Option<Self> {
        debug_assert!(start.as_ptr().addr().checked_add(length).is_some());
        is_installed().then(|| Self { start, length, poisoned: AtomicBool::new(false) })
    }

    /// Whether some read found the file shorter than the mapping. It never becomes false again.
    pub(crate) fn poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Fills `target` with the bytes at `offset`.
    ///
    /// # Errors
    /// `Truncated` when a page is missing (`target` then holds part of the bytes) or was missing before; `OutOfRange`
    /// when the range leaves the mapping.
    #[inline]
    pub(crate) fn read(&self, offset: usize, target: &mut [u8]) -> Result<(), ReadError> {
        let source = self.source(offset, target.len())?;
        // SAFETY: `source` has `target.len()` mapped bytes; `target` is an exclusive borrow, so the two do not overlap (`new`:
        // nobody borrows the mapping). The handler is installed (`new`).
        let missing = unsafe { arch::copy(target.as_mut_ptr(), source, target.len()) };
        if missing == 0 { Ok(()) } else { Err(self.poison()) }
    }

    /// As `read`, quicker for the lengths that a lookup reads: 8, 64 and 256 bytes.
    ///
    /// # Errors
    /// As `read`.
    #[inline]
    pub(crate) fn read_array<const N: usize>(&self, offset: usize, target: &mut [u8; N]) -> Result<(), ReadError> {
        let source = self.source(offset, N)?;
        // SAFETY: as in `read`.
        let missing = unsafe { arch::copy_array::<N>(target.as_mut_ptr(), source) };
        if missing == 0 { Ok(()) } else { Err(self.poison()) }
    }

    /// Has the processor fetch `length` bytes from `offset`, if they lie in the mapping. Whatever their pages are, it cannot
    /// fault.
    #[inline]
    pub(crate) fn prefetch(&self, offset: usize, length: usize) {
        const LINE_BYTES: usize = 64;
        let Ok(start) = self.source(offset, length) else { return };
        for ahead in (0..length).step_by(LINE_BYTES) {
            prefetch_line(start.wrapping_add(ahead));
        }
    }

    /// Where `length` mapped bytes lie.
    #[inline]
    fn source(&self, offset: usize, length: usize) -> Result<*const u8, ReadError> {
        if offset > self.length || length > self.length - offset {
            return Err(ReadError::OutOfRange);
        }
        if self.poisoned() {
            return Err(ReadError::Truncated);
        }
        // SAFETY: `offset <= self.length`, so the address stays in the mapping or one past its end.
        Ok(unsafe { self.start.as_ptr().add(offset) }.cast_const())
    }

    #[cold]
    fn poison(&self) -> ReadError {
        self.poisoned.store(true, Ordering::Relaxed);
        ReadError::Truncated
    }
}

/// A hint to the processor; nothing where it has none.
#[inline]
fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: PREFETCHT0 reads nothing into a register and never faults, whatever the address; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: PRFM is a hint: it changes no register, flag or memory and never faults, whatever the address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// The previous handler: address and flags. Written before ours is installed, read by it.
static PREVIOUS_HANDLER: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static PREVIOUS_FLAGS: AtomicI32 = AtomicI32::new(0);

type SimpleHandler = extern "C" fn(libc::c_int);
type DetailedHandler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

fn handler_address() -> libc::sighandler_t {
    on_bus_error as DetailedHandler as libc::sighandler_t
}

// The type of the flags differs between C libraries.
#[allow(clippy::unnecessary_cast)]
fn remember(action: &libc::sigaction) {
    PREVIOUS_FLAGS.store(action.sa_flags as i32, Ordering::SeqCst);
    PREVIOUS_HANDLER.store(action.sa_sigaction, Ordering::SeqCst);
}

fn empty_action() -> libc::sigaction {
    // SAFETY: a C struct of integers, a bit set and an optional function pointer, for each of which zero is valid: SIG_DFL,
    // no flags, no signal blocked.
    unsafe { std::mem::zeroed() }
}

fn current_action() -> io::Result<libc::sigaction> {
    let mut action = empty_action();
    // SAFETY: a null new action only asks; `action` is valid for writing.
    let status = unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut action) };
    if status == 0 { Ok(action) } else { Err(io::Error::last_os_error()) }
}

/// The handler. It runs on any thread between any two instructions: no lock, no allocation, no panic.
extern "C" fn on_bus_error(signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid `siginfo_t`.
    let code = unsafe { (*information).si_code };
    // Positive: raised by the kernel for this very instruction, not sent by `kill`.
    if code > 0 {
        // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's `ucontext_t`, ours to change until we return.
        let program_counter = unsafe { arch::program_counter(context) };
        // SAFETY: as above.
        let counter = unsafe { &mut *program_counter };
        let address = *counter as usize;
        if address >= arch::copy_start() && address < arch::copy_fault() {
            *counter = arch::copy_fault() as _;
            return;
        }
    }
    chain(signal, code, information, context);
}

/// Does with a SIGBUS that is not ours what would have happened without us.
// The type of the flags differs between C libraries.
#[allow(clippy::unnecessary_cast)]
fn chain(signal: libc::c_int, code: libc::c_int, information: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let handler = PREVIOUS_HANDLER.load(Ordering::SeqCst);
    let sent = code <= 0;
    if handler == libc::SIG_IGN && sent {
        return;
    }
    // A fault cannot be ignored: the kernel kills for it, whatever the disposition.
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        let default = empty_action();
        // SAFETY: `default` is a valid action; sigaction may be called in a handler. On return the instruction faults again and
        // the core dump shows it.
        unsafe { libc::sigaction(signal, &raw const default, std::ptr::null_mut()) };
        if sent {
            // SAFETY: raise may be called in a handler; the signal stays pending until we return, then kills.
            unsafe { libc::raise(signal) };
        }
        return;
    }
    if PREVIOUS_FLAGS.load(Ordering::SeqCst) & libc::SA_SIGINFO as i32 != 0 {
        // SAFETY: `sigaction` gave this address, neither SIG_DFL nor SIG_IGN, with SA_SIGINFO: a function of three arguments.
        let previous = unsafe { std::mem::transmute::<usize, DetailedHandler>(handler) };
        previous(signal, information, context);
    } else {
        // SAFETY: as above, without SA_SIGINFO: a function of one argument.
        let previous = unsafe { std::mem::transmute::<usize, SimpleHandler>(handler) };
        previous(signal);
    }
}

/// The copy routine and where to find the program counter, per architecture.
///
/// The routine reads each byte at least once, uses only registers that a call may change, and no stack,
/// so that jumping from any of its instructions to `badgerserver_0_1_copy_fault` is a plain return of 1. Two versions of this
/// library may be linked into one program, so the symbols carry the version.
#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "x86_64", target_pointer_width = "64"))]
mod arch_code {
    // rdi = target, rsi = source, rdx = length.
    std::arch::global_asm!(
        ".pushsection .text.badgerserver_0_1_copy,\"ax\",@progbits",
        ".balign 64",
        ".globl badgerserver_0_1_copy",
        ".hidden badgerserver_0_1_copy",
        ".type badgerserver_0_1_copy,@function",
        "badgerserver_0_1_copy:",
        "cmp rdx, 16",
        "jb 4f",
        "lea rcx, [rsi + rdx - 16]", // the last 16 bytes, which may overlap those before
        "lea r8, [rdi + rdx - 16]",
        "sub rdx, 64",
        "jb 3f",
        "2:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + 32]",
        "movups xmm3, [rsi + 48]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + 32], xmm2",
        "movups [rdi + 48], xmm3",
        "add rsi, 64",
        "add rdi, 64",
        "sub rdx, 64",
        "jae 2b",
        "3:",
        "cmp rsi, rcx",
        "jae 33f",
        "movups xmm0, [rsi]",
        "movups [rdi], xmm0",
        "add rsi, 16",
        "add rdi, 16",
        "jmp 3b",
        "33:",
        "movups xmm0, [rcx]",
        "movups [r8], xmm0",
        "xor eax, eax",
        "ret",
        "4:",
        "cmp rdx, 8",
        "jb 5f",
        "mov rax, [rsi]",
        "mov rcx, [rsi + rdx - 8]",
        "mov [rdi], rax",
        "mov [rdi + rdx - 8], rcx",
        "xor eax, eax",
        "ret",
        "5:",
        "cmp rdx, 4",
        "jb 6f",
        "mov eax, [rsi]",
        "mov ecx, [rsi + rdx - 4]",
        "mov [rdi], eax",
        "mov [rdi + rdx - 4], ecx",
        "xor eax, eax",
        "ret",
        "6:",
        "test rdx, rdx",
        "jz 8f",
        "7:",
        "mov al, [rsi]",
        "mov [rdi], al",
        "inc rsi",
        "inc rdi",
        "dec rdx",
        "jnz 7b",
        "8:",
        "xor eax, eax",
        "ret",
        ".globl badgerserver_0_1_copy_8",
        ".hidden badgerserver_0_1_copy_8",
        "badgerserver_0_1_copy_8:",
        "mov rax, [rsi]",
        "mov [rdi], rax",
        "xor eax, eax",
        "ret",
        ".globl badgerserver_0_1_copy_256",
        ".hidden badgerserver_0_1_copy_256",
        "badgerserver_0_1_copy_256:",
        "movups xmm0, [rsi + 128]",
        "movups xmm1, [rsi + 144]",
        "movups xmm2, [rsi + 160]",
        "movups xmm3, [rsi + 176]",
        "movups xmm4, [rsi + 192]",
        "movups xmm5, [rsi + 208]",
        "movups xmm6, [rsi + 224]",
        "movups xmm7, [rsi + 240]",
        "movups [rdi + 128], xmm0",
        "movups [rdi + 144], xmm1",
        "movups [rdi + 160], xmm2",
        "movups [rdi + 176], xmm3",
        "movups [rdi + 192], xmm4",
        "movups [rdi + 208], xmm5",
        "movups [rdi + 224], xmm6",
        "movups [rdi + 240], xmm7",
        "movups xmm4, [rsi + 64]",
        "movups xmm5, [rsi + 80]",
        "movups xmm6, [rsi + 96]",
        "movups xmm7, [rsi + 112]",
        "movups [rdi + 64], xmm4",
        "movups [rdi + 80], xmm5",
        "movups [rdi + 96], xmm6",
        "movups [rdi + 112], xmm7",
        ".globl badgerserver_0_1_copy_64",
        ".hidden badgerserver_0_1_copy_64",
        "badgerserver_0_1_copy_64:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + 32]",
        "movups xmm3, [rsi + 48]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + 32], xmm2",
        "movups [rdi + 48], xmm3",
        "xor eax, eax",
        "ret",
        ".globl badgerserver_0_1_copy_fault",
        ".hidden badgerserver_0_1_copy_fault",
        "badgerserver_0_1_copy_fault:",
        "mov eax, 1",
        "ret",
        ".size badgerserver_0_1_copy, . - badgerserver_0_1_copy",
        ".popsection",
    );

    unsafe extern "C" {
        fn badgerserver_0_1_copy_8(target: *mut u8, source: *const u8) -> usize;
        fn badgerserver_0_1_copy_64(target: *mut u8, source: *const u8) -> usize;
        fn badgerserver_0_1_copy_256(target: *mut u8, source: *const u8) -> usize;
    }

    /// Copies as `copy` does; without a branch for the lengths that a lookup reads, so that nothing waits for a bucket's length.
    ///
    /// # Safety
    /// As `copy`, with `length` = `N`.
    #[inline]
    pub(super) unsafe fn copy_array<const N: usize>(target: *mut u8, source: *const u8) -> usize {
        match N {
            // SAFETY: the caller's promise.
            8 => unsafe { badgerserver_0_1_copy_8(target, source) },
            // SAFETY: the caller's promise.
            64 => unsafe { badgerserver_0_1_copy_64(target, source) },
            // SAFETY: the caller's promise.
            256 => unsafe { badgerserver_0_1_copy_256(target, source) },
            // SAFETY: the caller's promise.
            _ => unsafe { super::arch::copy(target, source, N) },
        }
    }

    /// # Safety
    /// `context` is the `ucontext_t` of an interrupted thread.
    pub(super) unsafe fn program_counter(context: *mut libc::c_void) -> *mut libc::greg_t {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: the caller's promise; REG_RIP is inside the array.
        unsafe { &raw mut (*context).uc_mcontext.gregs[libc::REG_RIP as usize] }
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "aarch64"))]
mod arch_code {
    // x0 = target, x1 = source, x2 = length.
    std::arch::global_asm!(
        ".pushsection .text.badgerserver_0_1_copy,\"ax\",@progbits",
        ".balign 64",
        ".globl badgerserver_0_1_copy",
        ".hidden badgerserver_0_1_copy",
        ".type badgerserver_0_1_copy,@function",
        "badgerserver_0_1_copy:",
        "hint #34", // bti c: a landing place for indirect calls, a no-op where that is unknown
        "cmp x2, #16",
        "b.lo 4f",
        "sub x3, x2, #16",
        "add x4, x1, x3", // the last 16 bytes, which may overlap those before
        "add x5, x0, x3",
        "2:",
        "cmp x1, x4",
        "b.hs 3f",
        "ldr q0, [x1], #16",
        "str q0, [x0], #16",
        "b 2b",
        "3:",
        "ldr q0, [x4]",
        "str q0, [x5]",
        "mov x0, #0",
        "ret",
        "4:",
        "cmp x2, #8",
        "b.lo 5f",
        "sub x3, x2, #8",
        "ldr x4, [x1]",
        "ldr x5, [x1, x3]",
        "str x4, [x0]",
        "str x5, [x0, x3]",
        "mov x0, #0",
        "ret",
        "5:",
        "cbz x2, 7f",
        "6:",
        "ldrb w3, [x1], #1",
        "strb w3, [x0], #1",
        "subs x2, x2, #1",
        "b.ne 6b",
        "7:",
        "mov x0, #0",
        "ret",
        ".globl badgerserver_0_1_copy_fault",
        ".hidden badgerserver_0_1_copy_fault",
        "badgerserver_0_1_copy_fault:",
        "mov x0, #1",
        "ret",
        ".size badgerserver_0_1_copy, . - badgerserver_0_1_copy",
        ".popsection",
    );

    /// Copies as `copy` does.
    ///
    /// # Safety
    /// As `copy`, with `length` = `N`.
    #[inline]
    pub(super) unsafe fn copy_array<const N: usize>(target: *mut u8, source: *const u8) -> usize {
        // SAFETY: the caller's promise.
        unsafe { super::arch::copy(target, source, N) }
    }

    /// # Safety
    /// `context` is the `ucontext_t` of an interrupted thread.
    pub(super) unsafe fn program_counter(context: *mut libc::c_void) -> *mut libc::c_ulonglong {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: the caller's promise.
        unsafe { &raw mut (*context).uc_mcontext.pc }
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "arm"))]
mod arch_code {
    // r0 = target, r1 = source, r2 = length. ARM and not Thumb code, so the mode bit of the interrupted thread stays right.
    // Words need not be aligned for `ldr` from ARMv6 on; `ldm` and `ldrd` would.
    std::arch::global_asm!(
        ".pushsection .text.badgerserver_0_1_copy,\"ax\",%progbits",
        ".arm",
        ".balign 64",
        ".globl badgerserver_0_1_copy",
        ".hidden badgerserver_0_1_copy",
        ".type badgerserver_0_1_copy,%function",
        "badgerserver_0_1_copy:",
        "2:",
        "subs r2, r2, #4",
        "blo 3f",
        "ldr r3, [r1], #4",
        "str r3, [r0], #4",
        "b 2b",
        "3:",
        "adds r2, r2, #4",
        "beq 5f",
        "4:",
        "ldrb r3, [r1], #1",
        "strb r3, [r0], #1",
        "subs r2, r2, #1",
        "bne 4b",
        "5:",
        "mov r0, #0",
        "bx lr",
        ".globl badgerserver_0_1_copy_fault",
        ".hidden badgerserver_0_1_copy_fault",
        ".type badgerserver_0_1_copy_fault,%object", // its address without the Thumb bit
        "badgerserver_0_1_copy_fault:",
        "mov r0, #1",
        "bx lr",
        ".size badgerserver_0_1_copy, . - badgerserver_0_1_copy",
        ".popsection",
    );

    /// Copies as `copy` does.
    ///
    /// # Safety
    /// As `copy`, with `length` = `N`.
    #[inline]
    pub(super) unsafe fn copy_array<const N: usize>(target: *mut u8, source: *const u8) -> usize {
        // SAFETY: the caller's promise.
        unsafe { super::arch::copy(target, source, N) }
    }

    /// # Safety
    /// `context` is the `ucontext_t` of an interrupted thread.
    pub(super) unsafe fn program_counter(context: *mut libc::c_void) -> *mut libc::c_ulong {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: the caller's promise.
        unsafe { &raw mut (*context).uc_mcontext.arm_pc }
    }
}

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64", target_arch = "arm")
))]
mod arch {
    pub(super) use super::arch_code::{copy_array, program_counter};

    pub(super) const SUPPORTED: bool = true;

    unsafe extern "C" {
        fn badgerserver_0_1_copy(target: *mut u8, source: *const u8, length: usize) -> usize;
        /// The exit taken when a page is missing, and the end of what may fault.
        static badgerserver_0_1_copy_fault: u8;
    }

    /// Copies and gives 0, or gives 1 when a page of `source` is missing.
    ///
    /// # Safety
    /// - `target` is valid for writing `length` bytes; `source..source + length` is mapped; they do not overlap.
    /// - The handler is installed.
    #[inline]
    pub(super) unsafe fn copy(target: *mut u8, source: *const u8, length: usize) -> usize {
        // SAFETY: the caller's promise.
        unsafe { badgerserver_0_1_copy(target, source, length) }
    }

    pub(super) fn copy_start() -> usize {
        badgerserver_0_1_copy as unsafe extern "C" fn(*mut u8, *const u8, usize) -> usize as usize
    }

    pub(super) fn copy_fault() -> usize {
        (&raw const badgerserver_0_1_copy_fault).addr()
    }
}

#[cfg(not(all(
    any(target_os = "linux", target_os = "android"),
    any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64", target_arch = "arm")
)))]
mod arch {
    pub(super) const SUPPORTED: bool = false;

    pub(super) unsafe fn program_counter(_context: *mut libc::c_void) -> *mut usize {
        unreachable!("the handler is never installed here")
    }

    pub(super) unsafe fn copy(_target: *mut u8, _source: *const u8, _length: usize) -> usize {
        1
    }

    pub(super) unsafe fn copy_array<const N: usize>(_target: *mut u8, _source: *const u8) -> usize {
        1
    }

    pub(super) fn copy_start() -> usize {
        0
    }

    pub(super) fn copy_fault() -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;
    use std::os::unix::process::ExitStatusExt;

    const BYTES: usize = 64 * 1024;

    /// A mapped file of bytes that differ from their neighbours.
    fn mapped() -> (File, NonNull<u8>, Vec<u8>) {
        let bytes: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
        let file = crate::sys::file::unlinked_temporary(&std::env::temp_dir()).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let (protection, kind) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: the kernel chooses an address where nothing is mapped. The test never unmaps it.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, protection, kind, file.as_raw_fd(), 0) };
        assert_ne!(start, libc::MAP_FAILED);
        (file, NonNull::new(start.cast()).unwrap(), bytes)
    }

    #[test]
    fn the_symbols_carry_the_version() {
        let version =
            concat!("badgerserver_", env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"), "_copy");
        assert!(include_str!("guard.rs").contains(&format!("{version}:")), "rename the symbols to {version}");
    }

    #[test]
    fn every_length_is_copied_and_no_byte_beside_it() {
        install().unwrap();
        install().unwrap();
        let (_file, start, bytes) = mapped();
        // SAFETY: mapped for as long as the process lives, and nobody else refers to it.
        let guarded = unsafe { Guarded::new(start, BYTES) }.unwrap();
        for len in (0..300).chain([4095, 4096, 4097, BYTES - 1]) {
            for offset in [0, 1, 7, 4000].into_iter().filter(|offset| offset + len <= BYTES) {
                let mut target = vec![0xfe; len + 2];
                guarded.read(offset, &mut target[1..=len]).unwrap();
                assert_eq!(target[1..=len], bytes[offset..offset + len], "{offset}+{len}");
                assert_eq!((target[0], target[len + 1]), (0xfe, 0xfe), "{offset}+{len}");
            }
        }
        let (mut small, mut large) = ([0; 8], [0; 256]);
        guarded.read_array(3, &mut small).unwrap();
        guarded.read_array(5, &mut large).unwrap();
        assert_eq!((&small[..], &large[..]), (&bytes[3..11], &bytes[5..261]));
        assert_eq!(guarded.read(BYTES - 1, &mut [0; 2]), Err(ReadError::OutOfRange));
        assert_eq!(guarded.read(usize::MAX, &mut [0; 2]), Err(ReadError::OutOfRange));
        assert!(!guarded.poisoned());
    }

    #[test]
    fn a_missing_page_is_an_error_from_then_on() {
        install().unwrap();
        for at in [4096, 4095, 4000, 3900] {
            let (file, start, _) = mapped();
            // SAFETY: mapped for as long as the process lives, and nobody else refers to it.
            let guarded = unsafe { Guarded::new(start, BYTES) }.unwrap();
            file.set_len(4096).unwrap();
            assert_eq!(guarded.read(0, &mut [0; 4096]), Ok(()));
            assert_eq!(guarded.read(at, &mut [0; 300]), Err(ReadError::Truncated));
            assert_eq!(guarded.read(0, &mut [0; 1]), Err(ReadError::Truncated), "poisoned");
        }
    }

    /// A fault of anybody else still kills, in a process of its own.
    #[test]
    fn other_faults_still_kill() {
        let test = "sys::guard::tests::other_faults_still_kill_alone";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--test-threads=1"])
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(libc::SIGBUS));
    }

    #[test]
    #[ignore = "run by other_faults_still_kill, in a process of its own"]
    fn other_faults_still_kill_alone() {
        install().unwrap();
        let (file, start, _) = mapped();
        file.set_len(0).unwrap();
        // SAFETY: mapped, so the address is valid; that its page is gone is what the test is about.
        let byte = unsafe { start.as_ptr().read_volatile() };
        panic!("read {byte} from nowhere");
    }
}
