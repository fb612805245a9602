//! Tells systemd how the bot is, by datagrams of `NAME=value` lines; says nothing when systemd did not start it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The way to systemd.
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<UnixDatagram>,
    is_ready: AtomicBool,
    watchdog: Option<Duration>,
}

impl Systemd {
    /// By `NOTIFY_SOCKET` and `WATCHDOG_USEC` of the process.
    pub fn of_process() -> Self {
        let var = |name: &str| std::env::var(name).ok();
        let meant_for_us =
            var("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        Self {
            socket: var("NOTIFY_SOCKET").and_then(|path| connect(&path)),
            is_ready: AtomicBool::new(false),
            watchdog: var("WATCHDOG_USEC")
                .filter(|_| meant_for_us)
                .and_then(|micros| micros.parse().ok())
                .map(Duration::from_micros),
        }
    }

    /// How long systemd waits for a sign of life; `None` when it does not.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// The start is over: Telegram has answered. Only the first call counts, or the first that systemd hears: when
    /// many start at once its queue may be full, and a start it never hears of is a failed one.
    pub fn ready(&self) {
        let Some(socket) = &self.socket else { return };
        if self.is_ready.load(Ordering::Relaxed) {
            return;
        }
        let told = patiently(socket, |socket| socket.send(b"READY=1\nSTATUS=running"));
        self.is_ready.store(told.is_ok(), Ordering::Relaxed);
    }

    /// A start that waits for the world outside is no failed start: systemd's time limit moves on.
    pub fn starting(&self, status: &str) {
        if !self.is_ready.load(Ordering::Relaxed) {
            self.tell(&format!(
                "EXTEND_TIMEOUT_USEC=60000000\n{}",
                status_line(status)
            ));
        }
    }

    pub fn status(&self, status: &str) {
        self.tell(&status_line(status));
    }

    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    fn tell(&self, text: &str) {
        if let Some(socket) = &self.socket {
            // systemd draws its own conclusions from silence.
            let _ = socket.send(text.as_bytes());
        }
    }
}

/// Waits a moment for room in systemd's queue.
fn patiently<T>(
    socket: &UnixDatagram,
    send: impl FnOnce(&UnixDatagram) -> std::io::Result<T>,
) -> std::io::Result<T> {
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    socket.set_nonblocking(false)?;
    let sent = send(socket);
    socket.set_nonblocking(true)?;
    sent
}

fn connect(path: &str) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    match path.strip_prefix('@') {
        Some(name) => socket
            .connect_addr(&SocketAddr::from_abstract_name(name).ok()?)
            .ok()?,
        None => socket.connect(path).ok()?,
    }
    Some(socket)
}

/// One line, so that no text can pass for another assignment.
fn status_line(status: &str) -> String {
    format!("STATUS={}", status.replace('\n', " "))
}
