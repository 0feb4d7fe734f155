//! What the system's allocator keeps of memory that was given back.

/// Bounds what is kept while hundreds of threads wait for services. The allocator of glibc gives threads arenas of
/// their own, eight for each core, and each keeps room for the longest answer that it ever held: several times of
/// what is in use. Threads that wait seldom meet in an arena, so that two are enough.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn share_arenas() {
    #[expect(unsafe_code, reason = "a setting of the C library")]
    // SAFETY: `mallopt` takes two numbers, keeps its own lock and touches no memory of ours. Where it refuses, all
    // stays as it was.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Other allocators have no such arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn share_arenas() {}
