//! What this process costs.

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
