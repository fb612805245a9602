//! HTTP/1.1 to one server, as thin as it goes: a call polls its own kept connection, without tasks and layers between.
//! Only for calls with JSON and without a proxy; the rest goes through reqwest (`api`). No address is ever printed.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::verdict::Answer;

/// Servers close idle connections after a minute or so; a call must not meet one that is closing.
const KEEP: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Telegram's answers are small; a batch of updates comes in pieces of this size.
const MOST_BUFFERED: usize = 64 * 1024;

type Call = Request<Full<Bytes>>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

pub struct Wire {
    connector: Connector,
    /// Scheme, host and port.
    server: Uri,
    host: HeaderValue,
    /// Oldest first; the newest is used first, so that a quiet bot keeps few.
    kept: Mutex<VecDeque<Line>>,
}

enum Connector {
    Plain(HttpConnector),
    Tls(Box<HttpsConnector<HttpConnector>>),
}

/// An open connection. Nobody polls it between calls.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Option<Pin<Box<Connection<Stream, Full<Bytes>>>>>,
    used: Instant,
}

impl Wire {
    /// `server` is `http://host:port` or `https://host`.
    pub fn new(server: &Uri) -> anyhow::Result<Wire> {
        let authority = server
            .authority()
            .ok_or_else(|| anyhow::anyhow!("TELEGRAM_API_URL names no host"))?;
        let host = HeaderValue::from_str(authority.as_str())?;
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
            host,
            kept: Mutex::default(),
        })
    }

    /// One call with its answer, or why there is none. `path` is secret.
    pub async fn post(&self, path: &str, body: Bytes, wait: Duration) -> Answer {
        let call = Request::post(path)
            .header(HOST, self.host.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(body));
        let Ok(call) = call else {
            return Answer::NotConnected("the method is not a path".to_owned());
        };
        match tokio::time::timeout(wait, self.exchange(call)).await {
            Ok(answer) => answer,
            Err(_) => Answer::Broken(format!("no answer within {} s", wait.as_secs())),
        }
    }

    async fn exchange(&self, mut call: Call) -> Answer {
        loop {
            let (mut line, is_kept) = match self.kept_line().await {
                Some(line) => (line, true),
                None => match self.connect().await {
                    Ok(line) => (line, false),
                    Err(why) => return Answer::NotConnected(why),
                },
            };
            let response = line.sender.try_send_request(call);
            match drive(&mut line.connection, response).await {
                Ok(response) => return self.read(line, response).await,
                Err(mut error) => match error.take_message() {
                    // Closed by the server meanwhile: nothing of the call has left.
                    Some(back) if is_kept => call = back,
                    Some(_) => return Answer::NotConnected(reason(error.error())),
                    None => return Answer::Broken(reason(error.error())),
                },
            }
        }
    }

    async fn read(&self, mut line: Line, response: Response<Incoming>) -> Answer {
        let status = response.status().as_u16();
        let body = response.into_body().collect();
        match drive(&mut line.connection, body).await {
            Ok(body) => {
                self.keep(line);
                Answer::Http {
                    status,
                    body: body.to_bytes().into(),
                }
            }
            // The answer was cut: a 200 means it was done, anything else is a guess.
            Err(_) if status == 200 => Answer::Http {
                status,
                body: Vec::new(),
            },
            Err(error) => Answer::Broken(reason(&error)),
        }
    }

    /// A kept connection that is still open.
    async fn kept_line(&self) -> Option<Line> {
        loop {
            let mut line = self.kept.lock().ok()?.pop_back()?;
            if line.used.elapsed() < KEEP
                && drive(&mut line.connection, line.sender.ready())
                    .await
                    .is_ok()
            {
                return Some(line);
            }
        }
    }

    fn keep(&self, mut line: Line) {
        if line.connection.is_none() {
            return;
        }
        line.used = Instant::now();
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

    async fn connect(&self) -> Result<Line, String> {
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
        let (sender, connection) = Builder::new()
            .max_buf_size(MOST_BUFFERED)
            .handshake(stream)
            .await
            .map_err(|error| reason(&error))?;
        Ok(Line {
            sender,
            connection: Some(Box::pin(connection)),
            used: Instant::now(),
        })
    }
}

/// Lets the connection work until `wanted` has come out of it. An ended connection is dropped, which ends `wanted`.
async fn drive<T>(
    connection: &mut Option<Pin<Box<Connection<Stream, Full<Bytes>>>>>,
    wanted: impl Future<Output = T>,
) -> T {
    let mut wanted = pin!(wanted);
    poll_fn(|context| {
        if let Some(open) = connection
            && open.as_mut().poll(context).is_ready()
        {
            *connection = None;
        }
        wanted.as_mut().poll(context)
    })
    .await
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
