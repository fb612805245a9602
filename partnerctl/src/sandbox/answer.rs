//! Answers as HTTP, and the ways in which a fault spoils them.

use std::os::fd::RawFd;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{Either, Full};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::api::{Answer, ApiError};
use super::faults::{FaultKind, FaultRule};

pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub struct Hangup;

impl std::fmt::Display for Hangup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Hangup {}

/// The answer to a call.
pub fn answer(result: &Result<Answer, ApiError>) -> Response<Body> {
    match result {
        Ok(answer) => reply(StatusCode::OK, answer.to_json()),
        Err(problem) => error(problem),
    }
}

/// An error answer, with `Retry-After` where there is one.
pub fn error(error: &ApiError) -> Response<Body> {
    let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = reply(status, error.to_json());
    if let Some(seconds) = error.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn reply(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Gives the answer the way the fault wants it.
pub async fn spoil(
    result: Result<Answer, ApiError>,
    rule: &FaultRule,
    socket: RawFd,
) -> Result<Response<Body>, Hangup> {
    match rule.kind {
        FaultKind::Status(_) => Ok(answer(&result)),
        FaultKind::Html502 => {
            let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n";
            let mut response = reply(StatusCode::BAD_GATEWAY, page.to_owned());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Ok(response)
        }
        FaultKind::Refuse | FaultKind::LostAnswer => Err(Hangup),
        FaultKind::Reset => {
            reset_on_close(socket);
            Err(Hangup)
        }
        FaultKind::Timeout => std::future::pending().await,
        FaultKind::Truncated => Ok(truncated(&result)),
        FaultKind::BadJson => Ok(reply(
            StatusCode::OK,
            r#"{"ok":true,"result":{"message_id":1,"#.to_owned(),
        )),
        FaultKind::Body => {
            let status = StatusCode::from_u16(rule.status).unwrap_or(StatusCode::BAD_REQUEST);
            Ok(reply(status, rule.body.clone().unwrap_or_default()))
        }
        FaultKind::Slow => {
            tokio::time::sleep(Duration::from_millis(rule.delay_ms)).await;
            Ok(answer(&result))
        }
    }
}

/// The full length is promised, half of it comes, then the connection breaks.
fn truncated(result: &Result<Answer, ApiError>) -> Response<Body> {
    let whole = match result {
        Ok(answer) => answer.to_json(),
        Err(error) => error.to_json(),
    };
    let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
    // The pause lets the first half leave before the break throws away what is unsent.
    let broken = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(Hangup)
    };
    let parts = stream::iter([Ok(half)]).chain(stream::once(broken));
    let mut response = Response::new(Either::Right(axum::body::Body::from_stream(parts)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    response
}

/// Makes the kernel answer the peer with RST when the socket is closed.
fn reset_on_close(socket: RawFd) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let size = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap_or(0);
    // SAFETY: the socket is open for as long as its connection is served, which is now; the pointer and size describe `linger`.
    unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        );
    }
}
