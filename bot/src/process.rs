//! What this process costs, and what of it nobody may see.

/// Bytes of memory that are this process's alone; 0 where the kernel does not tell.
pub fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes =
        line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

/// Milliseconds of processor time since the start, of user and kernel.
pub fn cpu_ms() -> u64 {
    // SAFETY: an all-zero rusage is a valid value, and the call only fills it.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let ms = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000
            + u64::try_from(time.tv_usec).unwrap_or(0) / 1_000
    };
    ms(usage.ru_utime) + ms(usage.ru_stime)
}

/// The memory of a program may hold a token, so a death leaves no core file, whatever the shell or the kernel's pattern
/// allow, and nobody but root may read it.
pub fn no_picture_of_memory() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls take plain numbers, or a pointer to a live struct of the right type.
    let done = unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none)
            | libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0)
    };
    if done != 0 {
        tracing::warn!(
            "core files cannot be switched off: {}",
            std::io::Error::last_os_error()
        );
    }
}
