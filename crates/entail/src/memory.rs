//! What the system's allocator keeps of memory that was given back.

/// From this many bytes on, what is given back goes back to the system at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LONG: i32 = 256 << 10;

/// Bounds what is kept while hundreds of threads wait for services. The allocator of glibc gives threads arenas of
/// their own, eight for each core, and after the first long answer it keeps room for such in each of them: several
/// times of what is in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back_long_answers() {
    #[expect(unsafe_code, reason = "a setting of the C library")]
    // SAFETY: `mallopt` takes two numbers, keeps its own lock and touches no memory of ours. Where it refuses, all
    // stays as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LONG);
    }
}

/// Other allocators have no such arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back_long_answers() {}
