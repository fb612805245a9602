//! Keeps one bot process alive: starts it, starts it again when it dies, ends it with the demo.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::bot_log::LIFE_MARK;
use anyhow::{Context, Result};
use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LAST_DELAY: Duration = Duration::from_secs(30);
/// A bot that lived this long is started again without a growing delay.
const HEALTHY: Duration = Duration::from_secs(20);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// What a child may inherit. A real token or partner in the operator's environment must not reach the demo.
const KEPT_ENV: [&str; 8] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

/// How to start the bot.
pub struct Launch {
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub log: PathBuf,
    /// Added to the clock of every new process. Held while a process is made, so that moving the clock cannot miss one.
    pub offset_ms: Arc<Mutex<i64>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BotProcess {
    pub state: ProcessState,
    pub pid: Option<u32>,
    /// Starts after the first.
    pub restarts: u32,
    /// How the last process ended.
    pub ended: Option<Ending>,
    /// The wait before the next start.
    pub retry_ms: Option<u128>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    Code(i32),
    Signal(i32),
    /// It could not be started or watched.
    Error(String),
    /// By the page's buttons.
    Killed,
    Restarted,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Code(code) => write!(f, "the bot ended with exit code {code}"),
            Ending::Signal(signal) => write!(f, "the bot was ended by signal {signal}"),
            Ending::Error(error) => write!(f, "the bot does not run: {error}"),
            Ending::Killed => write!(f, "the bot was killed"),
            Ending::Restarted => write!(f, "the bot was stopped to start again"),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    #[default]
    Starting,
    Running,
    Stopping,
    Stopped,
}

enum Order {
    Restart,
    Kill,
    Stop(oneshot::Sender<()>),
}

/// The handle of the supervising task.
#[derive(Clone)]
pub struct Supervisor {
    orders: mpsc::Sender<Order>,
    process: watch::Receiver<BotProcess>,
}

impl Supervisor {
    #[expect(
        clippy::disallowed_methods,
        reason = "the keeper ends by its own order, which `stop` waits for"
    )]
    pub fn start(launch: Launch) -> Supervisor {
        let (orders, inbox) = mpsc::channel(8);
        let (seen, process) = watch::channel(BotProcess::default());
        tokio::spawn(
            Keeper {
                launch,
                inbox,
                seen,
            }
            .keep(),
        );
        Supervisor { orders, process }
    }

    pub fn process(&self) -> BotProcess {
        self.process.borrow().clone()
    }

    /// Waits until the process changed; false when the task has ended.
    pub async fn changed(&mut self) -> bool {
        self.process.changed().await.is_ok()
    }

    /// Ends the bot in good order and starts it again.
    pub async fn restart(&self) {
        let _ = self.orders.send(Order::Restart).await;
    }

    /// SIGKILL, and up again at once.
    pub async fn kill(&self) {
        let _ = self.orders.send(Order::Kill).await;
    }

    /// Ends the bot for good; returns when the process is gone.
    pub async fn stop(&self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

struct Keeper {
    launch: Launch,
    inbox: mpsc::Receiver<Order>,
    seen: watch::Sender<BotProcess>,
}

/// What made a life of the process end.
enum End {
    Died(Ending),
    Asked(Ending),
    Stop(Option<oneshot::Sender<()>>),
}

impl Keeper {
    async fn keep(mut self) {
        let mut delay = FIRST_DELAY;
        loop {
            let born = Instant::now();
            let end = match self.launch.spawn().await {
                Ok(child) => self.live(child).await,
                Err(error) => End::Died(Ending::Error(format!("{error:#}"))),
            };
            let next = match end {
                End::Stop(done) => return self.finish(done),
                End::Asked(ending) => {
                    delay = FIRST_DELAY;
                    self.show(ProcessState::Starting, None);
                    self.ended(ending, None);
                    Ok(())
                }
                End::Died(ending) => {
                    let wait = if born.elapsed() > HEALTHY {
                        FIRST_DELAY
                    } else {
                        delay
                    };
                    delay = (wait * 2).min(LAST_DELAY);
                    self.rest(ending, wait).await
                }
            };
            if let Err(done) = next {
                return self.finish(done);
            }
            self.seen.send_modify(|process| process.restarts += 1);
        }
    }

    async fn live(&mut self, mut child: Child) -> End {
        self.show(ProcessState::Running, child.id());
        tokio::select! {
            status = child.wait() => End::Died(describe(status)),
            order = self.inbox.recv() => {
                self.show(ProcessState::Stopping, child.id());
                match order {
                    Some(Order::Kill) => {
                        let _ = child.kill().await;
                        End::Asked(Ending::Killed)
                    }
                    Some(Order::Restart) => {
                        end(&mut child).await;
                        End::Asked(Ending::Restarted)
                    }
                    Some(Order::Stop(done)) => {
                        end(&mut child).await;
                        End::Stop(Some(done))
                    }
                    None => {
                        end(&mut child).await;
                        End::Stop(None)
                    }
                }
            }
        }
    }

    /// Waits before the next start; `Err` when the demo ends meanwhile.
    async fn rest(
        &mut self,
        ending: Ending,
        wait: Duration,
    ) -> Result<(), Option<oneshot::Sender<()>>> {
        self.show(ProcessState::Stopped, None);
        self.ended(ending, Some(wait));
        tokio::select! {
            () = sleep(wait) => Ok(()),
            order = self.inbox.recv() => match order {
                Some(Order::Restart | Order::Kill) => Ok(()),
                Some(Order::Stop(done)) => Err(Some(done)),
                None => Err(None),
            },
        }
    }

    fn finish(self, done: Option<oneshot::Sender<()>>) {
        self.show(ProcessState::Stopped, None);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn show(&self, state: ProcessState, pid: Option<u32>) {
        self.seen.send_modify(|process| {
            process.state = state;
            process.pid = pid;
            process.retry_ms = None;
        });
    }

    fn ended(&self, ending: Ending, retry: Option<Duration>) {
        self.seen.send_modify(|process| {
            process.ended = Some(ending);
            process.retry_ms = retry.map(|wait| wait.as_millis());
        });
    }
}

impl Launch {
    async fn spawn(&self) -> Result<Child> {
        let offset = self.offset_ms.lock().await;
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        writeln!(log, "{LIFE_MARK}")?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(
                KEPT_ENV
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("BOT_CLOCK_OFFSET_MS", offset.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal reaches the demo alone, which then ends the bot in good order.
            .process_group(0)
            .kill_on_drop(true);
        die_with_parent(&mut command);
        command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// The kernel kills the child when this process ends, however it ends. It watches the thread that started the child,
/// which is the main one here: the program's runtime has no other.
pub fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let arm = move || {
        // SAFETY: both calls are async-signal-safe and touch no memory of the parent.
        let (armed, orphaned) = unsafe {
            let armed = libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            (armed, u32::try_from(libc::getppid()) != Ok(parent))
        };
        if armed != 0 || orphaned {
            return Err(std::io::Error::other("the demo has ended"));
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing before exec, save for the error of a child that ends anyway.
    unsafe {
        command.pre_exec(arm);
    }
}

/// SIGTERM, then SIGKILL for a bot that does not listen.
async fn end(child: &mut Child) {
    let pid = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok());
    if let Some(pid) = pid {
        // SAFETY: the child was not waited for, so its number cannot belong to another process.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
        if timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
    let _ = child.kill().await;
}

fn describe(status: std::io::Result<ExitStatus>) -> Ending {
    match status.map(|status| (status.code(), status.signal())) {
        Ok((Some(code), _)) => Ending::Code(code),
        Ok((None, Some(signal))) => Ending::Signal(signal),
        Ok((None, None)) => Ending::Error("it ended without a code".into()),
        Err(error) => Ending::Error(error.to_string()),
    }
}
