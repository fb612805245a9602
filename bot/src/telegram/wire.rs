//! Lines to one server, as thin as they go: a call writes its bytes and reads its answer, without tasks, channels and
//! layers between. Only for calls with JSON and without a proxy; the rest goes through reqwest (`api`). No address is
//! ever printed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use super::http;
use super::verdict::Answer;

/// Servers close idle connections after a minute or so; a call must not meet one that is closing.
const KEEP: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Boxed: it has room for TLS inside, a kilobyte that would move with every future it passes through.
type Stream = Box<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>;

pub struct Wire {
    connector: Connector,
    /// Scheme, host and port.
    server: Uri,
    host: String,
    /// Oldest first; the newest is used first, so that a quiet bot keeps few.
    kept: Mutex<VecDeque<Line>>,
}

enum Connector {
    Plain(HttpConnector),
    Tls(Box<HttpsConnector<HttpConnector>>),
}

/// An open connection on which nothing is under way.
struct Line {
    stream: Stream,
    used: Instant,
}

/// How far the bytes of a call came.
enum Left {
    All,
    /// The line was dead: the server has seen nothing.
    Nothing(std::io::Error),
    Some(std::io::Error),
}

impl Wire {
    /// `server` is `http://host:port` or `https://host`.
    pub fn new(server: &Uri) -> anyhow::Result<Wire> {
        let authority = server
            .authority()
            .ok_or_else(|| anyhow::anyhow!("TELEGRAM_API_URL names no host"))?;
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.enforce_http(false);
        let connector = if server.scheme_str() == Some("https") {
            let tls = HttpsConnectorBuilder::new()
                .with_webpki_roots()
                .https_only()
                .enable_http1()
                .wrap_connector(http);
            Connector::Tls(Box::new(tls))
        } else {
            Connector::Plain(http)
        };
        Ok(Wire {
            connector,
            server: server.clone(),
            host: authority.as_str().to_owned(),
            kept: Mutex::default(),
        })
    }

    /// One call with its answer, or why there is none. `path` is secret.
    pub async fn post(&self, path: &str, body: &str, wait: Duration) -> Answer {
        let Some(call) = http::request(&self.host, path, body) else {
            return Answer::NotConnected("the method is not a path".to_owned());
        };
        // Waited for where it stands, because a timeout takes in what it is given.
        let exchange = std::pin::pin!(self.exchange(&call));
        match tokio::time::timeout(wait, exchange).await {
            Ok(answer) => answer,
            Err(_) => Answer::Broken(format!("no answer within {} s", wait.as_secs())),
        }
    }

    async fn exchange(&self, call: &[u8]) -> Answer {
        loop {
            let (mut stream, is_kept) = match self.kept_line().await {
                Some(stream) => (stream, true),
                None => match self.connect().await {
                    Ok(stream) => (stream, false),
                    Err(why) => return Answer::NotConnected(why),
                },
            };
            match write(&mut stream, call).await {
                Left::All => return self.read(stream).await,
                // Closed by the server meanwhile.
                Left::Nothing(_) if is_kept => {}
                Left::Nothing(error) => return Answer::NotConnected(reason(&error)),
                Left::Some(error) => return Answer::Broken(reason(&error)),
            }
        }
    }

    async fn read(&self, mut stream: Stream) -> Answer {
        let reply = match http::read_reply(&mut stream).await {
            Ok(reply) => reply,
            Err(error) => return Answer::Broken(reason(&error)),
        };
        if reply.is_open {
            self.keep(stream);
        }
        let status = reply.status;
        match reply.body {
            Some(body) => Answer::Http { status, body },
            // The answer was cut: a 200 means it was done, anything else is a guess.
            None if status == 200 => Answer::Http {
                status,
                body: Vec::new(),
            },
            None => Answer::Broken(format!("the answer (http {status}) was cut short")),
        }
    }

    /// A kept connection that is still open.
    async fn kept_line(&self) -> Option<Stream> {
        loop {
            let mut line = self.kept.lock().ok()?.pop_back()?;
            if line.used.elapsed() < KEEP && is_silent(&mut line.stream).await {
                return Some(line.stream);
            }
        }
    }

    fn keep(&self, stream: Stream) {
        let line = Line {
            stream,
            used: Instant::now(),
        };
        if let Ok(mut kept) = self.kept.lock() {
            while kept.front().is_some_and(|line| line.used.elapsed() > KEEP) {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    }

    /// Closes all kept lines but one, the newest.
    pub fn rest(&self) {
        if let Ok(mut kept) = self.kept.lock() {
            let newest = kept.pop_back();
            *kept = newest.into_iter().collect();
        }
    }

    async fn connect(&self) -> Result<Stream, String> {
        let stream = match &self.connector {
            Connector::Plain(http) => {
                let stream = http.clone().call(self.server.clone()).await;
                MaybeHttpsStream::Http(stream.map_err(|error| reason(&error))?)
            }
            Connector::Tls(tls) => {
                let handshake = tls.as_ref().clone().call(self.server.clone());
                tokio::time::timeout(CONNECT_TIMEOUT * 2, handshake)
                    .await
                    .map_err(|_| "no TLS connection in time".to_owned())?
                    .map_err(|error| reason(error.as_ref()))?
            }
        };
        Ok(Box::new(TokioIo::new(stream)))
    }
}

/// Whether the server has neither closed the line nor said anything since: looked at, not waited for.
async fn is_silent(stream: &mut Stream) -> bool {
    let mut byte = [0];
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
        Poll::Ready(read.is_pending())
    })
    .await
}

/// Writes a whole call, and says what the server may have seen of it when that fails.
async fn write(stream: &mut Stream, call: &[u8]) -> Left {
    let first = poll_fn(|context| Pin::new(&mut *stream).poll_write(context, call)).await;
    let written = match first {
        Ok(written) => written,
        Err(error) => return Left::Nothing(error),
    };
    let rest = async {
        stream.write_all(&call[written..]).await?;
        stream.flush().await
    };
    match rest.await {
        Ok(()) => Left::All,
        Err(error) => Left::Some(error),
    }
}

/// The chain of causes; none of these errors knows the path.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
