//! The HTTP server: the Bot API by hand on hyper, everything else through an axum router.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::answer::{Body, Hangup, answer, error, spoil};
use super::api::{self, Answer, ApiError, Outcome};
use super::clock::Clock;
use super::control;
use super::journal::Event;
use super::page;
use super::queue::{Poll, PollEnd};
use super::request;
use super::state::State;
use super::world::World;

/// More routes on the sandbox's address, made once the world exists.
pub type Routes = Box<dyn FnOnce(World) -> Router + Send>;

/// How a sandbox starts.
#[derive(Default)]
pub struct Options {
    /// 0 takes any free port.
    pub port: u16,
    /// The first call of an unknown token registers its bot.
    pub accept_any_token: bool,
    /// Of the random numbers: ids and faults.
    pub seed: u64,
    /// Where the clock starts; real time when absent.
    pub start_ms: Option<i64>,
    /// Telegram's sending limits.
    pub flood: bool,
    /// Routes beside `/control`, `/bot…` and `/file`.
    pub routes: Option<Routes>,
}

/// A running local Telegram. It stops when dropped.
pub struct Sandbox {
    world: World,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Binds 127.0.0.1 and serves in a thread of its own.
    pub fn start(options: Options) -> anyhow::Result<Sandbox> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).with_context(|| {
                format!(
                    "cannot listen on 127.0.0.1:{}; choose another port",
                    options.port
                )
            })?;
        listener
            .set_nonblocking(true)
            .context("cannot prepare the listening socket")?;
        let address = listener
            .local_addr()
            .context("cannot read the listening address")?;
        let clock = Clock::starting_at(options.start_ms);
        let world = World::new(State::new(
            clock,
            options.seed,
            options.accept_any_token,
            options.flood,
        ));
        let mut router = control::router(world.clone());
        if let Some(routes) = options.routes {
            router = router.merge(routes(world.clone()));
        }
        let router = page::guarded(router, address.port());
        let (stop, stopped) = oneshot::channel();
        let served = world.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the sandbox's runtime")?;
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || runtime.block_on(serve(listener, served, router, stopped)))
            .context("cannot start the sandbox's thread")?;
        Ok(Sandbox {
            world,
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`: what a bot takes as the Bot API's address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, for use in this process.
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Stops serving and waits until the thread has ended. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server thread was printed already; there is nobody to hand it to here.
            let _ = thread.join();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "one task per connection, as any server has; all end with the runtime"
)]
async fn serve(
    listener: TcpListener,
    world: World,
    router: Router,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return tracing::error!("the sandbox's socket cannot be served");
    };
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(stream, world.clone(), router.clone()))),
                // Out of file handles, most likely: wait for some to be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, world: World, router: Router) {
    // Without this a small answer may wait for the peer's delayed ACK.
    let _ = stream.set_nodelay(true);
    let reset = std::os::fd::AsRawFd::as_raw_fd(&stream);
    let pages = TowerToHyperService::new(router);
    let service = service_fn(move |request| handle(request, world.clone(), pages.clone(), reset));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // Clients hang up, and so does the sandbox on purpose: neither is worth a word.
    let _ = served.await;
}

async fn handle(
    request: Request<Incoming>,
    world: World,
    pages: TowerToHyperService<Router>,
    socket: std::os::fd::RawFd,
) -> Result<Response<Body>, Hangup> {
    let path = request.uri().path();
    if let Some(rest) = path.strip_prefix("/bot")
        && let Some((token, method)) = rest.split_once('/')
    {
        let (token, method) = (token.to_owned(), method.to_owned());
        return bot_call(request, &world, &token, &method, socket).await;
    }
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return Ok(file(&world, rest));
    }
    let response: Result<_, Infallible> = pages.call(request).await;
    match response {
        Ok(response) => Ok(response.map(Either::Right)),
        Err(never) => match never {},
    }
}

/// The largest request Telegram takes: a 50 MB upload and its fields.
const REQUEST_MAX: usize = 52 << 20;

async fn bot_call(
    request: Request<Incoming>,
    world: &World,
    token: &str,
    method: &str,
    socket: std::os::fd::RawFd,
) -> Result<Response<Body>, Hangup> {
    let Some(index) = world.lock().bot_by_token(token) else {
        return Ok(error(&ApiError::new(401, "Unauthorized")));
    };
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST_MAX).collect().await else {
        return Ok(error(&ApiError::new(413, "Request Entity Too Large")));
    };
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let query = head.uri.query().unwrap_or("");
    let request = match request::read(method, query, content_type, &body.to_bytes()) {
        Ok(request) => request,
        Err(problem) => return Ok(unreadable(world, method, problem)),
    };
    let played = api::play(&mut world.lock(), index, request);
    world.announce_call(&played.called);
    world.announce(&played.arrivals);
    let result = match played.outcome {
        Outcome::Done(result) => result,
        Outcome::Wait {
            poll,
            timeout_s,
            call,
        } => wait(world, index, poll, timeout_s, call).await,
    };
    match played.fault {
        Some(rule) => spoil(result, &rule, socket).await,
        None => Ok(answer(&result)),
    }
}

fn unreadable(world: &World, method: &str, problem: &str) -> Response<Body> {
    world
        .lock()
        .journal
        .violation(format!("{method}: {problem}"));
    error(&ApiError::bad(problem))
}

/// Waits for updates, for a rival poller, or for the end of the time.
async fn wait(
    world: &World,
    index: usize,
    poll: Poll,
    timeout_s: u64,
    call: u64,
) -> Result<Answer, ApiError> {
    let (id, mut end) = match poll {
        Poll::Ready(json) => return Ok(Answer::Raw(json)),
        Poll::Wait { id, end } => (id, end),
    };
    let _watch = HangUpWatch { world, index, id };
    let ended = tokio::time::timeout(Duration::from_secs(timeout_s), &mut end).await;
    let result = match ended {
        Ok(Ok(PollEnd::Updates(json))) => Ok(Answer::Raw(json)),
        Ok(Ok(PollEnd::Conflict(text))) => {
            delay_repeated_conflict(world, index).await;
            Err(ApiError::new(409, text))
        }
        Ok(Err(_)) | Err(_) => {
            let mut state = world.lock();
            let now = state.now_ms();
            state.bots[index].queue.give_up(id, now);
            // An update may have come in the very last moment.
            match end.try_recv() {
                Ok(PollEnd::Updates(json)) => Ok(Answer::Raw(json)),
                Ok(PollEnd::Conflict(text)) => Err(ApiError::new(409, text)),
                Err(_) => Ok(Answer::Raw("[]".to_owned())),
            }
        }
    };
    if call > 0 {
        let error = result.as_ref().err();
        let code = error.map_or(200, |error| error.code);
        world
            .lock()
            .journal
            .finish(call, code, error.map(|error| error.description.to_string()));
    }
    result
}

/// Notices that a long poll was dropped because its client went away.
struct HangUpWatch<'w> {
    world: &'w World,
    index: usize,
    id: u64,
}

impl Drop for HangUpWatch<'_> {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        if state.bots[self.index].queue.hang_up(self.id) {
            let payload = json!({"change": "polling", "polling": false});
            let bot = state.bots[self.index].id;
            state.emit(Event::of(Some(bot), None, "bot", payload));
        }
    }
}

/// Telegram answers a conflict at once, and further ones within 3 s only after 3 s.
async fn delay_repeated_conflict(world: &World, index: usize) {
    const PAUSE: Duration = Duration::from_secs(3);
    let now = Instant::now();
    let repeated = {
        let mut state = world.lock();
        let last = &mut state.bots[index].conflict_at;
        let repeated = last.is_some_and(|at| now < at + PAUSE);
        if !repeated {
            *last = Some(now);
        }
        repeated
    };
    if repeated {
        tokio::time::sleep(PAUSE).await;
    }
}

/// `<token>/<path>`: the bytes of a file the bot may download.
fn file(world: &World, rest: &str) -> Response<Body> {
    let mut state = world.lock();
    let found = rest.split_once('/').and_then(|(token, path)| {
        let index = state.bot_by_token(token)?;
        let file = state.bots[index].files.by_path(path)?;
        Some((file.bytes.clone()?, file.content_type.clone()))
    });
    match found {
        Some((bytes, content_type)) => {
            let mut response = Response::new(Either::Left(Full::new(bytes)));
            if let Ok(value) = HeaderValue::from_str(&content_type) {
                response.headers_mut().insert(CONTENT_TYPE, value);
            }
            response
        }
        None => error(&ApiError::new(404, "Not Found")),
    }
}
