//! A Bot API so lean that it is never the bottleneck: one thread, no checks, answers cut from templates.
//! What is right and wrong about calls is the local Telegram's business (`partnerctl::sandbox`), not this one's.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::leads::Leads;

/// Telegram's own limit on messages in which a bot speaks first.
const BULK_PER_SECOND: usize = 30;

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    news: Notify,
}

pub struct State {
    pub leads: Leads,
    /// Every call but getUpdates takes this long; a message arrives after half of it.
    pub delay: Duration,
    pub first_poll: Option<Instant>,
    /// Calls refused with 429.
    pub refused: usize,
    /// When messages arrived in which the bot spoke first.
    pub unasked: Vec<Instant>,
    queue: VecDeque<(i64, String)>,
    last_update: i64,
    last_message: i64,
}

impl Fake {
    pub fn start() -> io::Result<Fake> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let fake = Fake {
            address: listener.local_addr()?,
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    leads: Leads::default(),
                    delay: Duration::ZERO,
                    first_poll: None,
                    refused: 0,
                    unasked: Vec::new(),
                    queue: VecDeque::new(),
                    last_update: 100,
                    last_message: 0,
                }),
                news: Notify::new(),
            }),
        };
        let serving = fake.clone();
        std::thread::spawn(move || serving.serve(listener));
        Ok(fake)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no panic holds it")
    }

    /// Looks and acts, and wakes the bot's poll if that gave it something to read.
    pub fn act<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state());
        self.shared.news.notify_waiters();
        done
    }

    fn serve(self, listener: std::net::TcpListener) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime of one thread");
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener that does not block");
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                spawn(self.clone().talk(stream));
            }
        });
    }

    /// One connection: request after request.
    async fn talk(self, mut stream: TcpStream) {
        let mut buffer = Vec::with_capacity(4_096);
        loop {
            let request = loop {
                if let Some(request) = Request::parse(&buffer) {
                    break request;
                }
                match stream.read_buf(&mut buffer).await {
                    Ok(1..) => {}
                    _ => return,
                }
            };
            let answer = self
                .answer(&request.method, &buffer[request.body.clone()])
                .await;
            let head = format!(
                "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                if answer.starts_with("{\"ok\":true") {
                    "200 OK"
                } else {
                    "429 Too Many Requests"
                },
                answer.len()
            );
            if stream
                .write_all(&[head.as_bytes(), answer.as_bytes()].concat())
                .await
                .is_err()
            {
                return;
            }
            buffer.drain(..request.body.end);
        }
    }

    async fn answer(&self, method: &str, body: &[u8]) -> String {
        if method == "getupdates" {
            return self.updates(body).await;
        }
        let delay = self.state().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay / 2).await;
        }
        let answer = match method {
            "getme" => "{\"ok\":true,\"result\":{\"id\":7000000001,\"is_bot\":true,\"first_name\":\"Bench\",\"username\":\"bench_bot\",\"can_join_groups\":true,\"can_read_all_group_messages\":false,\"supports_inline_queries\":false,\"can_connect_to_business\":false,\"has_main_web_app\":false}}".to_owned(),
            "sendmessage" => self.message(body),
            _ => "{\"ok\":true,\"result\":true}".to_owned(),
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay / 2).await;
        }
        answer
    }

    async fn updates(&self, body: &[u8]) -> String {
        let offset = number(body, "\"offset\":").unwrap_or(0);
        let wait = number(body, "\"timeout\":").unwrap_or(0);
        let until = tokio::time::Instant::now() + Duration::from_secs(wait.unsigned_abs());
        loop {
            let news = self.shared.news.notified();
            {
                let mut state = self.state();
                state.first_poll.get_or_insert_with(Instant::now);
                while state.queue.front().is_some_and(|(id, _)| *id < offset) {
                    state.queue.pop_front();
                }
                if !state.queue.is_empty() || wait == 0 {
                    let batch: Vec<&str> = state
                        .queue
                        .iter()
                        .take(100)
                        .map(|(_, raw)| raw.as_str())
                        .collect();
                    return format!("{{\"ok\":true,\"result\":[{}]}}", batch.join(","));
                }
            }
            if tokio::time::timeout_at(until, news).await.is_err() {
                return "{\"ok\":true,\"result\":[]}".to_owned();
            }
        }
    }

    fn message(&self, body: &[u8]) -> String {
        let chat = number(body, "\"chat_id\":").unwrap_or(0);
        let mut state = self.state();
        let now = Instant::now();
        if !state.leads.awaits(chat) {
            let recent = state
                .unasked
                .iter()
                .rev()
                .take_while(|at| now - **at < Duration::from_secs(1));
            if recent.count() >= BULK_PER_SECOND {
                state.refused += 1;
                return "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry after 1\",\"parameters\":{\"retry_after\":1}}".to_owned();
            }
            state.unasked.push(now);
        }
        state.last_message += 1;
        let message = state.last_message;
        let think = state.leads.hear(chat, now, data(body));
        match think {
            Some(pause) if pause.is_zero() => {
                state.speak(chat);
                self.shared.news.notify_waiters();
            }
            Some(pause) => {
                let fake = self.clone();
                spawn(async move {
                    tokio::time::sleep(pause).await;
                    fake.act(|state| state.speak(chat));
                });
            }
            None => {}
        }
        format!(
            "{{\"ok\":true,\"result\":{{\"message_id\":{message},\"date\":{},\"chat\":{{\"id\":{chat},\"type\":\"private\"}},\"text\":\"\"}}}}",
            date()
        )
    }
}

impl State {
    /// The lead does what comes next; the update waits for the next poll.
    pub fn speak(&mut self, chat: i64) {
        let Some((chat, word)) = self.leads.next(chat) else {
            return;
        };
        self.last_update += 1;
        self.last_message += 1;
        let (update, message, date) = (self.last_update, self.last_message, date());
        let from = format!(
            "{{\"id\":{chat},\"is_bot\":false,\"first_name\":\"Lead {chat}\",\"language_code\":\"ru\"}}"
        );
        let place = format!(
            "\"chat\":{{\"id\":{chat},\"type\":\"private\",\"first_name\":\"Lead {chat}\"}}"
        );
        let raw = match word {
            Word::Press(data) => format!(
                "{{\"update_id\":{update},\"callback_query\":{{\"id\":\"{update}\",\"from\":{from},\"message\":{{\"message_id\":{message},\"date\":{date},{place},\"text\":\"…\"}},\"chat_instance\":\"1\",\"data\":\"{data}\"}}}}"
            ),
            Word::Text(text) => format!(
                "{{\"update_id\":{update},\"message\":{{\"message_id\":{message},\"date\":{date},\"from\":{from},{place},\"text\":\"{text}\"}}}}"
            ),
        };
        self.queue.push_back((update, raw));
    }
}

/// What a lead does.
pub enum Word {
    Press(String),
    Text(&'static str),
}

struct Request {
    /// In small letters: Telegram does not mind.
    method: String,
    body: std::ops::Range<usize>,
}

impl Request {
    /// `None` until all of it is there.
    fn parse(buffer: &[u8]) -> Option<Request> {
        let end = find(buffer, b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&buffer[..end]).ok()?;
        let path = head.split(' ').nth(1)?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        let body = end..end + length.unwrap_or(0);
        (buffer.len() >= body.end).then(|| Request {
            method: path
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase(),
            body,
        })
    }
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn number(body: &[u8], name: &str) -> Option<i64> {
    let rest = &body[find(body, name.as_bytes())? + name.len()..];
    let digits = rest
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
        .count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// What the first button says when it is pressed.
fn data(body: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\"callback_data\":\"";
    let rest = &body[find(body, NAME)? + NAME.len()..];
    let length = rest.iter().position(|byte| *byte == b'"')?;
    String::from_utf8(rest[..length].to_vec()).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "Telegram dates its messages by the wall clock"
)]
fn date() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server lives as long as the process"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
