//! How many turns a second the local Telegram sustains with a trivial raw echo bot, and what they cost:
//! `cargo run --release -p partnerctl --example sandbox_load -- [seconds] [leads] [senders]`.
//!
//! A turn is one lead's update, its share of getUpdates, and sendMessage; in the second run the leads press buttons, so each
//! turn also has an answerCallbackQuery. The leads are closed loops: each acts when the bot's message arrives.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use partnerctl::sandbox::{Arrival, NewUser, Options, Sandbox, World};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const TOKEN: &str = "123456:LOAD-TEST";
const BOT: i64 = 123_456;

#[derive(Clone, Copy)]
struct Load {
    seconds: u64,
    leads: usize,
    senders: usize,
}

fn main() -> anyhow::Result<()> {
    let args: Vec<u64> = std::env::args()
        .skip(1)
        .map(|arg| arg.parse())
        .collect::<Result<_, _>>()?;
    let number = |at: usize, unset: u64| args.get(at).copied().unwrap_or(unset);
    let load = Load {
        seconds: number(0, 5),
        leads: usize::try_from(number(1, 2000))?,
        senders: usize::try_from(number(2, 32))?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for press in [false, true] {
        runtime.block_on(run(load, press))?;
    }
    Ok(())
}

async fn run(load: Load, press: bool) -> anyhow::Result<()> {
    let sandbox = Sandbox::start(Options::default())?;
    let world = sandbox.world();
    world.set_quiet(true);
    world.add_bot(TOKEN, "load_bot", "Load")?;
    let turns = Arc::new(AtomicU64::new(0));
    let going = Arc::new(AtomicBool::new(true));
    close_the_loop(&world, press, turns.clone(), going.clone());
    let address = sandbox.url().replace("http://", "");
    let mut bot = JoinSet::new();
    bot.spawn(echo(address, load.senders));
    for n in 0..load.leads {
        let id = world.add_user(NewUser {
            first_name: format!("Lead {n}"),
            ..NewUser::default()
        });
        world.start(BOT, id, None)?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (from, cpu, began) = (turns.load(Ordering::Relaxed), cpu_seconds(), Instant::now());
    tokio::time::sleep(Duration::from_secs(load.seconds)).await;
    let (done, wall) = (
        turns.load(Ordering::Relaxed) - from,
        began.elapsed().as_secs_f64(),
    );
    let cpu_after = cpu_seconds();
    going.store(false, Ordering::Relaxed);
    bot.abort_all();
    let cost = |at: usize| (cpu_after[at] - cpu[at]) * 1e6 / done as f64;
    println!(
        "{}: {:.0} turns/s; cpu per turn: sandbox {:.1} µs, raw bot {:.1} µs; {} leads, {} connections; violations: {}",
        if press {
            "press, toast and answer"
        } else {
            "text and answer"
        },
        done as f64 / wall,
        cost(0),
        cost(1),
        load.leads,
        load.senders,
        world.violations().len(),
    );
    sandbox.stop();
    Ok(())
}

/// Every message of the bot makes its lead act again.
fn close_the_loop(world: &World, press: bool, turns: Arc<AtomicU64>, going: Arc<AtomicBool>) {
    let leads = world.clone();
    world.on_arrival(move |arrival| {
        let Arrival::Message {
            bot,
            chat,
            message_id,
        } = *arrival
        else {
            return;
        };
        turns.fetch_add(1, Ordering::Relaxed);
        if !going.load(Ordering::Relaxed) {
            return;
        }
        if press {
            leads
                .press(bot, chat, message_id, "next", false)
                .expect("the bot's message has the button");
        } else {
            leads
                .send(bot, chat, "Хочу сбросить вес")
                .expect("the lead has not blocked the bot");
        }
    });
}

#[derive(Deserialize)]
struct Updates {
    result: Vec<Update>,
}

#[derive(Deserialize)]
struct Update {
    update_id: i64,
    message: Option<Message>,
    callback_query: Option<Callback>,
}

#[derive(Deserialize)]
struct Message {
    from: From,
}

#[derive(Deserialize)]
struct Callback {
    id: String,
    from: From,
}

#[derive(Deserialize)]
struct From {
    id: i64,
}

/// A bot without manners: one poller, several senders, no library.
async fn echo(address: String, senders: usize) -> anyhow::Result<()> {
    let mut queues = Vec::new();
    let mut workers = JoinSet::new();
    for _ in 0..senders {
        let (queue, work) = mpsc::unbounded_channel();
        queues.push(queue);
        workers.spawn(sender(address.clone(), work));
    }
    let mut connection = Connection::open(&address).await?;
    let mut offset = 0;
    loop {
        let body = format!(r#"{{"offset":{offset},"timeout":30}}"#);
        let answer: Updates = serde_json::from_slice(connection.call("getUpdates", &body).await?)?;
        for update in answer.result {
            offset = update.update_id + 1;
            let lead = update.message.as_ref().map(|m| m.from.id);
            let lead = lead
                .or(update.callback_query.as_ref().map(|c| c.from.id))
                .unwrap_or(0);
            let place = usize::try_from(lead)? % senders;
            queues[place].send((lead, update.callback_query.map(|callback| callback.id)))?;
        }
    }
}

async fn sender(
    address: String,
    mut work: mpsc::UnboundedReceiver<(i64, Option<String>)>,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(&address).await?;
    while let Some((lead, callback)) = work.recv().await {
        if let Some(id) = callback {
            connection
                .call(
                    "answerCallbackQuery",
                    &format!(r#"{{"callback_query_id":"{id}"}}"#),
                )
                .await?;
        }
        let body = format!(
            r#"{{"chat_id":{lead},"text":"<b>Сколько</b> килограммов хотите сбросить?","parse_mode":"HTML","reply_markup":{{"inline_keyboard":[[{{"text":"Дальше","callback_data":"next"}}]]}}}}"#
        );
        connection.call("sendMessage", &body).await?;
    }
    Ok(())
}

/// One keep-alive connection, one request at a time.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    request: String,
}

impl Connection {
    async fn open(address: &str) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            buffer: vec![0; 1 << 16],
            request: String::new(),
        })
    }

    async fn call(&mut self, method: &str, body: &str) -> anyhow::Result<&[u8]> {
        self.request.clear();
        let length = body.len();
        write!(
            self.request,
            "POST /bot{TOKEN}/{method} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        self.stream.write_all(self.request.as_bytes()).await?;
        let mut have = 0;
        loop {
            if have == self.buffer.len() {
                self.buffer.resize(have * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[have..]).await?;
            anyhow::ensure!(read > 0, "the sandbox closed the connection");
            have += read;
            if let Some((head, length)) = head(&self.buffer[..have])
                && have >= head + length
            {
                return Ok(&self.buffer[head..head + length]);
            }
        }
    }
}

/// Where the body starts and how long it is, once the head is complete.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    Some((end + 4, length.parse().ok()?))
}

/// CPU seconds so far of the sandbox's threads and of all others.
fn cpu_seconds() -> [f64; 2] {
    let mut seconds = [0.0, 0.0];
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let ticks: f64 = rest
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<f64>().ok())
            .sum();
        seconds[usize::from(!name.ends_with("(sandbox"))] += ticks / 100.0;
    }
    seconds
}
