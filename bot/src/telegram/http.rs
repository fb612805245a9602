//! HTTP/1.1 as far as a call needs it: one request as bytes, one answer read back. What it cannot read is an error,
//! never a guess.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// More header lines than any server of the Bot API sends.
const MOST_HEADERS: usize = 64;
const MOST_HEAD_BYTES: usize = 32 * 1024;
/// A hundred updates of the longest kind are a tenth of this.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Memory is made for what has come, not for what a head promises.
const MOST_AHEAD: usize = 64 * 1024;
/// Most answers are shorter; a poll that waits holds no more.
const FIRST_PIECE: usize = 1024;

/// An answer, and whether another call may follow on the same line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub status: u16,
    /// `None` when it was cut short.
    pub body: Option<Vec<u8>>,
    pub is_open: bool,
}

/// The bytes of a call with JSON; `None` when `path` cannot stand in a request line.
pub(super) fn request(host: &str, path: &str, body: &str) -> Option<Vec<u8>> {
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let length = body.len().to_string();
    Some(
        [
            "POST ",
            path,
            " HTTP/1.1\r\nhost: ",
            host,
            "\r\ncontent-type: application/json\r\ncontent-length: ",
            &length,
            "\r\n\r\n",
            body,
        ]
        .concat()
        .into_bytes(),
    )
}

/// Reads one answer. An error: nothing of it can be told, not even its status.
pub(super) async fn read_reply(line: &mut (impl AsyncRead + Unpin)) -> io::Result<Reply> {
    let mut bytes = Vec::with_capacity(FIRST_PIECE);
    let head = loop {
        if let Some(head) = Head::parse(&bytes)? {
            bytes.drain(..head.length);
            // 100 and its like announce the answer.
            if head.status >= 200 {
                break head;
            }
            continue;
        }
        if bytes.len() > MOST_HEAD_BYTES {
            return Err(unreadable("its head is too long"));
        }
        if line.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let body = match head.body {
        Body::Length(length) => read_exactly(line, bytes, length).await,
        Body::Chunks => read_chunks(line, bytes).await,
        Body::UntilEnd => read_to_end(line, bytes).await,
    };
    Ok(Reply {
        status: head.status,
        is_open: head.stays_open && body.is_ok(),
        body: body.ok(),
    })
}

struct Head {
    status: u16,
    /// In bytes, the empty line included.
    length: usize,
    body: Body,
    stays_open: bool,
}

enum Body {
    Length(usize),
    Chunks,
    UntilEnd,
}

impl Head {
    /// `None` until all of it is there.
    fn parse(bytes: &[u8]) -> io::Result<Option<Head>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(bytes);
        let length = match parsed.map_err(|error| unreadable(&error.to_string()))? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial => return Ok(None),
        };
        let status = response.code.unwrap_or_default();
        let mut stays_open = response.version == Some(1);
        let (mut promised, mut chunked) = (None, false);
        for header in response.headers.iter() {
            let value = header.value.trim_ascii();
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                let number = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok());
                let number: usize = number.ok_or_else(|| unreadable("its length is no number"))?;
                if promised.is_some_and(|before| before != number) {
                    return Err(unreadable("it has two lengths"));
                }
                promised = Some(number);
            } else if is("transfer-encoding") {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(unreadable("its body is encoded"));
                }
                chunked = true;
            } else if is("connection") {
                stays_open = !value.eq_ignore_ascii_case(b"close")
                    && (stays_open || value.eq_ignore_ascii_case(b"keep-alive"));
            }
        }
        let body = match promised {
            _ if chunked => Body::Chunks,
            _ if matches!(status, 100..200 | 204 | 304) => Body::Length(0),
            Some(length) => Body::Length(length),
            None => Body::UntilEnd,
        };
        stays_open &= !matches!(body, Body::UntilEnd);
        Ok(Some(Head {
            status,
            length,
            body,
            stays_open,
        }))
    }
}

async fn read_exactly(
    line: &mut (impl AsyncRead + Unpin),
    mut bytes: Vec<u8>,
    length: usize,
) -> io::Result<Vec<u8>> {
    if length > MOST_BODY_BYTES {
        return Err(unreadable("it is too long"));
    }
    fill(line, &mut bytes, length).await?;
    // Nobody asked for more: the next answer on this line would be another call's.
    if bytes.len() > length {
        return Err(unreadable("more came than was promised"));
    }
    Ok(bytes)
}

/// Reads until so many bytes are there.
async fn fill(
    line: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    length: usize,
) -> io::Result<()> {
    while bytes.len() < length {
        bytes.reserve((length - bytes.len()).min(MOST_AHEAD));
        if line.read_buf(bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

async fn read_chunks(
    line: &mut (impl AsyncRead + Unpin),
    mut bytes: Vec<u8>,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (at, size) = loop {
            match httparse::parse_chunk_size(&bytes) {
                Ok(httparse::Status::Complete((at, size))) => break (at, size),
                Ok(httparse::Status::Partial) if bytes.len() < MOST_HEAD_BYTES => {}
                _ => return Err(unreadable("a chunk has no size")),
            }
            let more = bytes.len() + 1;
            fill(line, &mut bytes, more).await?;
        };
        if size == 0 {
            return read_trailers(line, bytes, at).await.map(|()| body);
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size.saturating_add(body.len()) > MOST_BODY_BYTES {
            return Err(unreadable("it is too long"));
        }
        // The line's end after the chunk belongs to it.
        fill(line, &mut bytes, at + size + 2).await?;
        body.extend_from_slice(&bytes[at..at + size]);
        bytes.drain(..at + size + 2);
    }
}

/// After the last chunk: lines that say nothing here, and an empty one.
async fn read_trailers(
    line: &mut (impl AsyncRead + Unpin),
    mut bytes: Vec<u8>,
    mut at: usize,
) -> io::Result<()> {
    loop {
        let end = loop {
            if let Some(end) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") {
                break end;
            }
            if bytes.len() > MOST_HEAD_BYTES {
                return Err(unreadable("its end is too long"));
            }
            let more = bytes.len() + 1;
            fill(line, &mut bytes, more).await?;
        };
        at += end + 2;
        if end == 0 {
            return if at == bytes.len() {
                Ok(())
            } else {
                Err(unreadable("more came than was promised"))
            };
        }
    }
}

async fn read_to_end(
    line: &mut (impl AsyncRead + Unpin),
    mut bytes: Vec<u8>,
) -> io::Result<Vec<u8>> {
    while line.read_buf(&mut bytes).await? > 0 {
        if bytes.len() > MOST_BODY_BYTES {
            return Err(unreadable("it is too long"));
        }
    }
    Ok(bytes)
}

fn unreadable(why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the answer cannot be read: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read when the bytes come in two pieces, cut at `at`.
    async fn read(text: &str, at: usize) -> io::Result<Reply> {
        let (first, rest) = text.as_bytes().split_at(at);
        read_reply(&mut first.chain(rest)).await
    }

    fn reply(status: u16, body: &str, is_open: bool) -> Reply {
        Reply {
            status,
            body: Some(body.as_bytes().to_vec()),
            is_open,
        }
    }

    const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\"}";

    #[tokio::test]
    async fn an_answer_reads_the_same_wherever_it_is_cut_in_two() {
        for (text, expected) in [
            (PLAIN, reply(200, "{\"a\"}", true)),
            (
                "HTTP/1.1 429 Too Many Requests\r\ncontent-length:2\r\nConnection: close\r\n\r\n{}",
                reply(429, "{}", false),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                reply(200, "{}", true),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
                reply(200, "abc0123456789", true),
            ),
            (
                "HTTP/1.0 502 Bad Gateway\r\n\r\n<html>",
                reply(502, "<html>", false),
            ),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1",
                reply(200, "1", true),
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", reply(204, "", true)),
        ] {
            for at in 0..text.len() {
                assert_eq!(read(text, at).await.unwrap(), expected, "{text} at {at}");
            }
        }
    }

    #[tokio::test]
    async fn a_cut_answer_keeps_its_status_and_loses_its_line() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        for text in [PLAIN, chunked] {
            let head = text.find("\r\n\r\n").unwrap() + 4;
            for end in 0..text.len() {
                let found = read(&text[..end], 0).await;
                if end < head {
                    let error = found.unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}");
                } else {
                    let cut = Reply {
                        status: 200,
                        body: None,
                        is_open: false,
                    };
                    assert_eq!(found.unwrap(), cut, "{end}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_an_answer_is_never_taken_for_one() {
        for text in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        ] {
            let error = read(text, 0).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{text}");
        }
        let endless = "HTTP/1.1 200 OK\r\na: b\r\n".to_owned() + &"x".repeat(MOST_HEAD_BYTES);
        assert!(read(&endless, 0).await.is_err());
        for body in [
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert_eq!(read(body, 0).await.unwrap().body, None, "{body}");
        }
    }

    #[test]
    fn a_path_that_would_end_the_line_makes_no_request() {
        let bytes = request("h:1", "/botX/sendMessage", "{}").unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "POST /botX/sendMessage HTTP/1.1\r\nhost: h:1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        );
        for path in ["/a b", "/a\r\nx: y", "/é"] {
            assert_eq!(request("h", path, ""), None, "{path}");
        }
    }
}
