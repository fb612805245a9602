//! Whether the last process ended by its own fault. An abort (that of a full stack, or of a watchdog that found it
//! hanging) leaves a mark beside the data; a kill, a want of memory and a power cut leave none.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

const FILE: &str = "bot.died";

/// Where an abort leaves its mark: open beforehand, because a dying process can do little.
static MARK: AtomicI32 = AtomicI32::new(-1);

/// Looks for the mark of the former process, takes it away, and makes ready for this one's.
pub(super) fn by_itself(data_dir: &Path) -> bool {
    let path = data_dir.join(FILE);
    let opened = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    let Ok(mut file) = opened else {
        // Unknown: then it counts as a kill from outside, which is given more tries.
        return false;
    };
    let mut mark = Vec::new();
    let died = file.read_to_end(&mut mark).is_ok() && !mark.is_empty();
    if file.set_len(0).is_ok() {
        let before = MARK.swap(file.into_raw_fd(), Ordering::Relaxed);
        close(before);
        listen();
    }
    died
}

fn close(fd: i32) {
    if fd >= 0 {
        // SAFETY: the number was taken out of the static, so nobody else closes or uses it.
        unsafe { libc::close(fd) };
    }
}

fn listen() {
    // SAFETY: the handler does only what is allowed in one; SA_ONSTACK lets it run where the
    // stack is full.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = aborting as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
        libc::sigaction(libc::SIGABRT, &raw const action, std::ptr::null_mut());
    }
}

extern "C" fn aborting(_: i32) {
    let fd = MARK.load(Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the buffer is static, and write is allowed in a handler.
        unsafe { libc::write(fd, b"abort\n".as_ptr().cast(), 6) };
    }
    // SAFETY: raise is allowed in a handler. SA_RESETHAND has put the default back, so it ends the process when this
    // returns, also when the signal came from outside, as a watchdog's does.
    unsafe { libc::raise(libc::SIGABRT) };
}
