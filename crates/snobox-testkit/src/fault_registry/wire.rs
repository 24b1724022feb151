//! HTTP/1.1 (RFC 9112) by hand, so that it can be broken at any byte.

use super::Seen;
use super::answer::{Answer, End};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Longest request head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Reads a request up to the last byte of its head.
///
/// That byte stays in the socket on purpose: a socket closed with unread bytes sends RST (RFC 1122, 4.2.2.13), which is the
/// only way to a reset that needs nothing but the standard library.
pub(super) fn read_request(stream: &mut TcpStream) -> io::Result<Seen> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > MAX_HEAD_BYTES {
            return Err(io::Error::other("the head of the request is too long"));
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (words.next(), words.next());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let authorization = headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.trim().to_owned())
        .next();
    Ok(Seen {
        method: method.unwrap_or_default().to_owned(),
        path: path.unwrap_or_default().to_owned(),
        authorization,
    })
}

/// Sends `answer`, with its fault.
pub(super) fn send(
    mut stream: TcpStream,
    seen: &Seen,
    answer: &Answer,
    ended: &AtomicBool,
) -> io::Result<()> {
    let announced = answer.announced_bytes.unwrap_or(answer.body.len());
    let mut head = format!(
        "HTTP/1.1 {} Practice\r\nContent-Length: {announced}\r\nConnection: close\r\n",
        answer.status
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let body: &[u8] = if seen.method == "HEAD" {
        &[]
    } else {
        &answer.body
    };
    let part = |bytes: usize| &body[..bytes.min(body.len())];
    match answer.end {
        End::Whole => stream.write_all(body)?,
        End::Cut(bytes) => stream.write_all(part(bytes))?,
        End::Reset(bytes) => {
            stream.write_all(part(bytes))?;
            // Gives the bytes time to be read: an RST overtakes what the other side has not taken yet.
            thread::sleep(Duration::from_millis(50));
            return Ok(());
        }
        End::Stall(bytes) => {
            stream.write_all(part(bytes))?;
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
    stream.shutdown(Shutdown::Write)?;
    // Takes the byte that was left, and waits until the other side has everything.
    io::copy(&mut stream, &mut io::sink()).map(drop)
}
