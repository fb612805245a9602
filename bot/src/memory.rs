//! How the allocator behaves: a host runs hundreds of bots that mostly wait, so memory of a burst is given back.

/// Once, before anything else.
pub fn settle() {
    // The writer's thread shares the one heap: a heap of its own would keep a few hundred KiB for nothing.
    set(libc::M_ARENA_MAX, 1);
    // What a burst freed at the top goes back at once, without growing thresholds.
    set(libc::M_TRIM_THRESHOLD, 256 * 1024);
    set(libc::M_MMAP_THRESHOLD, 256 * 1024);
    // Without them a large piece of memory would first put thousands of small ones together.
    set(libc::M_MXFAST, 0);
}

/// Gives free memory back to the system; costs a fraction of a millisecond.
pub fn give_back() {
    // SAFETY: malloc_trim takes a number and may be called at any time.
    unsafe { libc::malloc_trim(0) };
}

fn set(what: libc::c_int, value: libc::c_int) {
    // SAFETY: mallopt takes two numbers; one it does not know changes nothing.
    unsafe { libc::mallopt(what, value) };
}
