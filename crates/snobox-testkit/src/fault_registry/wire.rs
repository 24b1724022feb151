//! HTTP/1.1 (RFC 9112) by hand, so that it can be broken at any byte.

use super::Seen;
use super::answer::{Answer, End};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

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
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |wanted: &str| {
        let mut same = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        same.next().map(|(_, value)| value.trim().to_owned())
    };
    Ok(Seen {
        method: method.unwrap_or_default().to_owned(),
        path: path.unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        range: header("range"),
        accept: header("accept"),
    })
}

/// Sends `answer`, with its fault; `sent` is told the bytes of the body as they go.
pub(super) fn send(
    mut stream: TcpStream,
    seen: &Seen,
    answer: &Answer,
    ended: &AtomicBool,
    sent: &mut dyn FnMut(u64),
) -> io::Result<()> {
    if answer.end == End::Silence {
        wait_for(ended);
        return Ok(());
    }
    if answer.end == End::HangUp {
        return Ok(());
    }
    let status = answer.status;
    let mut head = format!("HTTP/1.1 {status} Practice\r\nConnection: close\r\n");
    if !answer.open_ended {
        let announced = answer.announced_bytes.unwrap_or(answer.body.len());
        head.push_str(&format!("Content-Length: {announced}\r\n"));
    }
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
    let mut write = |bytes: usize| {
        let part = &body[..bytes.min(body.len())];
        write_paced(&mut stream, part, answer.bytes_per_second, ended, sent)
    };
    match answer.end {
        End::Whole => write(body.len())?,
        End::Cut(bytes) => write(bytes)?,
        End::Reset(bytes) => {
            write(bytes)?;
            // Gives the bytes time to be read: an RST overtakes what the other side has not taken yet.
            thread::sleep(Duration::from_millis(50));
            return Ok(());
        }
        End::Stall(bytes) => {
            write(bytes)?;
            wait_for(ended);
        }
        End::Silence | End::HangUp => {}
    }
    stream.shutdown(Shutdown::Write)?;
    // Takes the byte that was left, and waits until the other side has everything.
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

fn wait_for(ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Largest piece written at once.
const PIECE_BYTES: usize = 64 << 10;

fn write_paced(
    stream: &mut TcpStream,
    bytes: &[u8],
    bytes_per_second: Option<u64>,
    ended: &AtomicBool,
    sent: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let started = Instant::now();
    // At least twenty pieces in a second, so that it flows.
    let piece = bytes_per_second.map_or(PIECE_BYTES, |rate| (rate / 20) as usize);
    let mut written = 0;
    for piece in bytes.chunks(piece.clamp(1, PIECE_BYTES)) {
        stream.write_all(piece)?;
        written += piece.len() as u64;
        sent(piece.len() as u64);
        let due = bytes_per_second.map(|rate| {
            Duration::from_secs_f64(written as f64 / rate as f64).saturating_sub(started.elapsed())
        });
        match due {
            Some(_) if ended.load(Ordering::Relaxed) => break,
            Some(due) => thread::sleep(due),
            None => {}
        }
    }
    Ok(())
}
