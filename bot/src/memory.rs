//! How the process uses memory: a host runs hundreds of bots that mostly wait, so what a burst took is given back.

use std::sync::OnceLock;

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

/// Gives free memory back to the system, and the program's own pages: most of them were of use at the start only, and
/// what is needed again comes from the page cache in a microsecond. Costs a fraction of a millisecond.
pub fn give_back() {
    empty_thread_cache();
    // SAFETY: malloc_trim takes a number and may be called at any time.
    unsafe { libc::malloc_trim(0) };
    static CODE: OnceLock<Vec<(usize, usize)>> = OnceLock::new();
    let maps = maps();
    let code = CODE.get_or_init(|| code(&maps));
    for (start, length) in code.iter().copied().chain(stack_below(&maps)) {
        // SAFETY: the range is a mapping of the program's file that was never written to, so dropping its pages
        // changes nothing that can be read; or it is stack far below every frame, where nothing lives.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
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

/// What the start, deep in its calls, left of this thread's stack: (start, length).
fn stack_below(maps: &str) -> Option<(usize, usize)> {
    /// Far more than the calls from here on need.
    const MARGIN: usize = 16 * 1024;
    let here = std::ptr::from_ref(&maps).addr();
    let line = maps.lines().find(|line| line.ends_with("[stack]"))?;
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    let (start, end) = (
        usize::from_str_radix(start, 16).ok()?,
        usize::from_str_radix(end, 16).ok()?,
    );
    let below = here.checked_sub(MARGIN)? & !0xfff;
    ((start..end).contains(&here) && start < below).then(|| (start, below - start))
}

fn set(what: libc::c_int, value: libc::c_int) {
    // SAFETY: mallopt takes two numbers; one it does not know changes nothing.
    unsafe { libc::mallopt(what, value) };
}

fn maps() -> String {
    std::fs::read_to_string("/proc/self/maps").unwrap_or_default()
}

/// Code and constants of the program, from the text of /proc/self/maps: (start, length). Only what can run, and the
/// file's own beginning: tables that were relocated are read-only too, but their pages are not the file's.
fn code(maps: &str) -> Vec<(usize, usize)> {
    let mut lines = maps
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let Some(program) = lines
        .next()
        .and_then(|fields| fields.get(5).map(|path| (*path).to_owned()))
    else {
        return Vec::new();
    };
    let is_code = |fields: &Vec<&str>| {
        let [_, rights, offset, _, inode, path] = fields[..] else {
            return false;
        };
        let beginning = rights == "r--p" && offset.bytes().all(|digit| digit == b'0');
        path == program && inode != "0" && (rights == "r-xp" || beginning)
    };
    let range = |fields: Vec<&str>| {
        let (start, end) = fields[0].split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        Some((
            start,
            usize::from_str_radix(end, 16).ok()?.checked_sub(start)?,
        ))
    };
    let all = maps
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    all.filter(is_code).filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_are_the_files_own_are_code() {
        let maps = "\
555555554000-555555a57000 r--p 00000000 fe:00 42 /opt/bot
555555a57000-555556639000 r-xp 00502000 fe:00 42 /opt/bot
555556639000-5555566e7000 r--p 010e3000 fe:00 42 /opt/bot
5555566e7000-5555566ed000 rw-p 01190000 fe:00 42 /opt/bot
5555566ed000-55555670e000 rw-p 00000000 00:00 0 [heap]
7ffff7d00000-7ffff7d26000 r--p 00000000 fe:00 43 /usr/lib/libc.so.6
7ffff7d26000-7ffff7e7c000 r-xp 00026000 fe:00 43 /usr/lib/libc.so.6
7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0 [vdso]
";
        assert_eq!(
            code(maps),
            [(0x5555_5555_4000, 0x50_3000), (0x5555_55a5_7000, 0xbe_2000)]
        );
        assert_eq!(code(""), []);
        assert_eq!(code(&self::maps()).len(), 2, "of this very program");
    }
}
