//! The wire between a bot and Telegram, which can be cut: first it goes dark, as when a route is lost, then nobody
//! is there, as when a host is down.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener as Bound};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Up,
    /// Open connections carry nothing, new ones are never answered.
    Dark,
    /// Open connections are broken, new ones refused.
    Down,
}

pub struct Cable {
    line: Option<watch::Sender<Line>>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

/// Connections the kernel takes before anybody accepts them; in the dark they are all taken, and the next waits.
const BACKLOG: u32 = 16;

impl Cable {
    /// From a new port of this host to that address.
    pub fn lay(to: SocketAddr) -> Cable {
        let free = Bound::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let (line, state) = watch::channel(Line::Up);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let serve = move || runtime.block_on(serve(port, to, state));
        let thread = std::thread::Builder::new().spawn(serve).unwrap();
        Cable {
            line: Some(line),
            port,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, line: Line) {
        let sender = self.line.as_ref().expect("kept until it is dropped");
        sender.send(line).expect("the cable's thread runs");
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        drop(self.line.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was printed already.
            let _ = thread.join();
        }
    }
}

async fn serve(port: u16, to: SocketAddr, mut line: watch::Receiver<Line>) {
    let here = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    let mut listener = Some(listen(here));
    let mut fillers = Vec::new();
    loop {
        let state = *line.borrow_and_update();
        match state {
            Line::Up => {
                fillers.clear();
                let listener = listener.get_or_insert_with(|| listen(here));
                tokio::select! {
                    changed = line.changed() => if changed.is_err() { return },
                    Ok((bot, _)) = listener.accept() => carry_aside(bot, to, line.clone()),
                }
                continue;
            }
            Line::Dark => {
                let _ = listener.get_or_insert_with(|| listen(here));
                fillers = fill(here).await;
            }
            Line::Down => {
                fillers.clear();
                listener = None;
            }
        }
        if line.changed().await.is_err() {
            return;
        }
    }
}

fn listen(here: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(here).unwrap();
    socket.listen(BACKLOG).unwrap()
}

/// Takes every place in the queue of the listener, so that the kernel drops whoever else knocks.
async fn fill(here: SocketAddr) -> Vec<TcpStream> {
    let mut fillers = Vec::new();
    let patience = std::time::Duration::from_millis(100);
    while let Ok(Ok(filler)) = tokio::time::timeout(patience, TcpStream::connect(here)).await {
        fillers.push(filler);
    }
    fillers
}

#[expect(
    clippy::disallowed_methods,
    reason = "one task per connection; all end with the runtime of their thread"
)]
fn carry_aside(bot: TcpStream, to: SocketAddr, line: watch::Receiver<Line>) {
    tokio::spawn(carry(bot, to, line));
}

async fn carry(bot: TcpStream, to: SocketAddr, line: watch::Receiver<Line>) {
    let Ok(telegram) = TcpStream::connect(to).await else {
        return;
    };
    let _ = (bot.set_nodelay(true), telegram.set_nodelay(true));
    let (from_bot, to_bot) = bot.into_split();
    let (from_telegram, to_telegram) = telegram.into_split();
    // Whichever way ends first takes the other along.
    tokio::select! {
        () = one_way(from_bot, to_telegram, line.clone()) => {}
        () = one_way(from_telegram, to_bot, line) => {}
    }
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut bytes = vec![0; 16_384];
    loop {
        let state = *line.borrow_and_update();
        match state {
            Line::Down => return,
            Line::Dark => {
                if line.changed().await.is_err() {
                    return;
                }
            }
            Line::Up => {
                let read = tokio::select! {
                    changed = line.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                    read = from.read(&mut bytes) => read,
                };
                match read {
                    Ok(length) if length > 0 => {
                        if to.write_all(&bytes[..length]).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                }
            }
        }
    }
}
