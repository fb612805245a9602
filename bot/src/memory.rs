//! How the process uses memory: a host runs hundreds of bots that mostly wait, so what a burst took is given back.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: usize = 4096;

/// Whether this process is a bot, which stays for weeks; what comes and goes need not care how its memory lies.
static IS_SETTLED: AtomicBool = AtomicBool::new(false);

/// Once, before anything else.
pub fn settle() {
    IS_SETTLED.store(true, Ordering::Relaxed);
    // The writer's thread shares the one heap: a heap of its own would keep a few hundred KiB for nothing.
    set(libc::M_ARENA_MAX, 1);
    // Memory comes and goes in large steps while there is work; `give_back` leaves nothing of them.
    set(libc::M_TRIM_THRESHOLD, 4 * 1024 * 1024);
    set(libc::M_TOP_PAD, 256 * 1024);
    set(libc::M_MMAP_THRESHOLD, 256 * 1024);
    // Without them a large piece of memory would first put thousands of small ones together.
    set(libc::M_MXFAST, 0);
}

/// Gives free memory back to the system, and the pages of the program and its libraries: most of them were of use at the
/// start only, and what is needed again comes from the page cache in a microsecond. Costs a fraction of a millisecond.
pub fn give_back() {
    empty_thread_cache();
    // SAFETY: malloc_trim takes a number and may be called at any time.
    unsafe { libc::malloc_trim(0) };
    let maps = maps();
    for pages in unchanged(&maps).into_iter().chain(stack_below(&maps)) {
        // SAFETY: the pages are those of a file that nobody here can write to and never did, so dropping them changes
        // nothing that can be read; or they are stack far below every frame, where nothing lives.
        unsafe {
            libc::madvise(
                pages.start as *mut libc::c_void,
                pages.len(),
                libc::MADV_DONTNEED,
            )
        };
    }
}

/// glibc keeps seven freed pieces of each small size for the thread that freed them, and each holds on to its page: a
/// quarter of an idle bot's heap. This thread's are taken out here and freed by a thread that ends, which keeps none.
pub fn empty_thread_cache() {
    const SIZES: std::ops::RangeInclusive<usize> = 1..=64;
    const OF_EACH: usize = 7;
    let size = |n: usize| std::iter::repeat_n(n * 16 + 8, OF_EACH);
    let pieces: Vec<Vec<u8>> = SIZES.flat_map(size).map(Vec::with_capacity).collect();
    let freed = std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || drop(pieces));
    // A thread that cannot be had just now leaves things as they were.
    let _ = freed.map(std::thread::JoinHandle::join);
}

/// Fills the holes between pieces in use, for as long as it is kept: what is made meanwhile lies side by side on fresh
/// ground. Long-lived things made among the rubble of a reader would each hold a page when the rubble is gone.
pub fn level() -> impl Sized {
    const MOST: usize = 16 * 1024;
    if !IS_SETTLED.load(Ordering::Relaxed) {
        return Vec::new();
    }
    // Else what is made next would come from there, and from all over the place.
    empty_thread_cache();
    // No hole is as large, so this is where fresh ground begins.
    let probe = std::hint::black_box(Vec::<u8>::with_capacity(200 * 1024));
    let fresh = probe.as_ptr().addr();
    drop(probe);
    let mut filling: Vec<Vec<u8>> = Vec::with_capacity(MOST);
    for size in (4..17).rev().map(|power| (1_usize << power) + 8) {
        while filling.len() < MOST {
            let piece: Vec<u8> = Vec::with_capacity(size);
            if piece.as_ptr().addr() >= fresh {
                break;
            }
            filling.push(piece);
        }
    }
    filling
}

/// What the start, deep in its calls, left of this thread's stack.
fn stack_below(maps: &str) -> Option<Range<usize>> {
    /// Far more than the calls from here on need.
    const MARGIN: usize = 8 * 1024;
    let here = std::ptr::from_ref(&maps).addr();
    let stack = maps
        .lines()
        .filter(|line| line.ends_with("[stack]"))
        .find_map(range)?;
    let below = here.checked_sub(MARGIN)? & !(PAGE - 1);
    (stack.contains(&here) && stack.start < below).then_some(stack.start..below)
}

fn set(what: libc::c_int, value: libc::c_int) {
    // SAFETY: mallopt takes two numbers; one it does not know changes nothing.
    unsafe { libc::mallopt(what, value) };
}

fn maps() -> String {
    std::fs::read_to_string("/proc/self/maps").unwrap_or_default()
}

/// Pages in memory that are still a file's own, of mappings that nobody can write to: code and constants.
fn unchanged(maps: &str) -> Vec<Range<usize>> {
    // SAFETY: sysconf takes a number. With larger pages the numbers below would speak of others.
    let as_usual = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) == Ok(PAGE);
    let pages = File::open("/proc/self/pagemap").ok().filter(|_| as_usual);
    let Some(pages) = pages else {
        return Vec::new();
    };
    let files = maps.lines().filter(|line| is_read_only_file(line));
    files
        .filter_map(range)
        .flat_map(|mapping| runs(&pages, mapping))
        .collect()
}

fn is_read_only_file(line: &str) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    matches!(fields[..], [_, "r--p" | "r-xp", _, _, inode, _] if inode != "0")
}

/// Side by side and in memory and never copied: what was relocated is anonymous memory, and is left alone.
fn runs(pages: &File, mapping: Range<usize>) -> Vec<Range<usize>> {
    /// Documentation/admin-guide/mm/pagemap.rst: bit 63 is in memory, bit 61 is a file's or shared.
    const OF_A_FILE: u64 = 1 << 63 | 1 << 61;
    const ENTRY: usize = size_of::<u64>();
    let mut entries = [0; 256 * ENTRY];
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut at = mapping.start;
    while at < mapping.end {
        let bytes = &mut entries[..((mapping.end - at) / PAGE * ENTRY).min(256 * ENTRY)];
        if pages
            .read_exact_at(bytes, (at / PAGE * ENTRY) as u64)
            .is_err()
        {
            break;
        }
        for entry in bytes.as_chunks::<ENTRY>().0 {
            let next = at + PAGE;
            if u64::from_ne_bytes(*entry) & OF_A_FILE == OF_A_FILE {
                match runs.last_mut().filter(|run| run.end == at) {
                    Some(run) => run.end = next,
                    None => runs.push(at..next),
                }
            }
            at = next;
        }
    }
    runs
}

/// The first field of a line of /proc/self/maps.
fn range(line: &str) -> Option<Range<usize>> {
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn only_what_nobody_can_write_to_and_has_a_file_is_looked_at() {
        let maps = "\
555555554000-555555a57000 r--p 00000000 fe:00 42 /opt/bot
555555a57000-555556639000 r-xp 00502000 fe:00 42 /opt/bot
5555566e7000-5555566ed000 rw-p 01190000 fe:00 42 /opt/bot
5555566ed000-55555670e000 rw-p 00000000 00:00 0 [heap]
7ffff7fb0000-7ffff7fb8000 rw-s 00000000 fe:00 44 /var/lib/bot.db-shm
7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0 [vdso]
";
        let looked_at: Vec<_> = maps
            .lines()
            .filter(|line| is_read_only_file(line))
            .collect();
        assert_eq!(looked_at.len(), 2, "{looked_at:?}");
        assert!(looked_at.iter().all(|line| line.ends_with("/opt/bot")));
        assert_eq!(
            range(looked_at[0]),
            Some(0x5555_5555_4000..0x5555_55a5_7000)
        );
    }

    /// A page of a file that was written to and closed for writing, as relocated tables are, keeps what was written.
    #[test]
    fn a_page_that_was_changed_is_not_a_files_own_and_survives() {
        let file = File::open("/proc/self/exe").unwrap();
        let length = 4 * PAGE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a private mapping of its own, used below within its length and left to the process's end.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                protection,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(start, libc::MAP_FAILED);
        let start = start.cast::<u8>();
        // SAFETY: within the mapping; nobody else knows it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, length) };
        let first = bytes[0];
        bytes[2 * PAGE] = 0xa5;
        let sum: u32 = (0..4).map(|page| u32::from(bytes[page * PAGE])).sum();
        // SAFETY: the same mapping.
        unsafe { libc::mprotect(start.cast(), length, libc::PROT_READ) };
        let mapping = start.addr()..start.addr() + length;
        let pages = File::open("/proc/self/pagemap").unwrap();
        let dropped = runs(&pages, mapping.clone());
        assert!(sum > 0 && !dropped.is_empty());
        assert!(
            dropped
                .iter()
                .all(|run| !run.contains(&(mapping.start + 2 * PAGE))),
            "{dropped:?}"
        );
        give_back();
        // SAFETY: the same mapping, still readable.
        let bytes = unsafe { std::slice::from_raw_parts(start, length) };
        assert_eq!((bytes[0], bytes[2 * PAGE]), (first, 0xa5));
    }
}
