//! The status page on the node's address: `GET /` for people, `GET /status.json` for programs; everything else is 404.
//!
//! ```text
//! {
//!   "version": 1,
//!   "phase": "starting" | "preparing" | "installing" | "writing" | "restarting" | "stopped",
//!   "title": "Step 1 of 3: …",            the phase in words
//!   "percent": 0..100 | null,              of what is at work now
//!   "action": "nothing: wait",             what to do now
//!   "components": [{ "component": "disk", "state": "working" | "done" | "failed", "message": "…",
//!                    "action"?: "…", "percent"?: 0..100 }, …]
//! }
//! ```
//!
//! New members may come; a change of those above changes `version`. HTTP/1.1 after RFC 9112, one request for each connection, GET and
//! HEAD only. Anybody on the site's network may ask, so that size, time and number of requests are bounded.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Shown;
use super::console::label;
use super::overview::Overview;
use crate::report::State;

const MAX_HEAD_BYTES: usize = 8 * 1024;
const MAX_CONNECTIONS: usize = 32;
/// A client that is slower than this is left alone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two failures to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens, and answers in the background. Returns where.
///
/// # Errors
/// What the system says.
pub(super) async fn serve(address: SocketAddr, shown: Shown) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let shown = Arc::clone(&shown);
            tokio::spawn(async move {
                // How a connection ends is the client's business.
                let _ = tokio::time::timeout(PATIENCE, converse(stream, &shown)).await;
                drop(place);
            });
        }
    });
    Ok(address)
}

async fn converse(mut stream: TcpStream, shown: &Shown) -> io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let overview = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    stream.write_all(&answer(&head, &overview)).await?;
    stream.shutdown().await?;
    // Until the client closes too: closing with bytes unread would cut the answer off.
    while stream.read(&mut [0; 512]).await? > 0 {}
    Ok(())
}

/// The answer to the request that begins with `head`.
fn answer(head: &[u8], overview: &Overview) -> Vec<u8> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = target.split('?').next().unwrap_or_default();
    let text = "text/plain; charset=utf-8";
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/") => ("200 OK", "text/html; charset=utf-8", html(overview)),
        ("GET" | "HEAD", "/status.json") => ("200 OK", "application/json", json(overview)),
        ("GET" | "HEAD", _) => (
            "404 Not Found",
            text,
            "there is / and /status.json\n".to_owned(),
        ),
        _ => (
            "405 Method Not Allowed",
            text,
            "this page is read-only\n".to_owned(),
        ),
    };
    let allow = if status.starts_with("405") {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}Connection: close\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if method != "HEAD" {
        answer.extend(body.into_bytes());
    }
    answer
}

fn json(overview: &Overview) -> String {
    // Text, numbers and lists: there is nothing in it that JSON cannot say.
    serde_json::to_string(overview).unwrap_or_default() + "\n"
}

const STYLE: &str = "body{font:1.2em/1.5 sans-serif;max-width:44em;margin:2em auto;padding:0 1em}\
.action{font-size:1.3em;font-weight:bold;padding:.6em;border:.15em solid}\
.failed{color:#b00}td{padding:.2em 1em .2em 0;vertical-align:top;white-space:pre-wrap}progress{width:100%;height:1.5em}";

fn html(overview: &Overview) -> String {
    let percent = overview.percent.map(|percent| {
        format!("<p><progress max=\"100\" value=\"{percent}\"></progress> {percent} %</p>")
    });
    let rows: String = overview
        .components
        .iter()
        .map(|report| {
            let (class, state) = match report.state {
                State::Working => ("working", "at work"),
                State::Done => ("done", "ready"),
                State::Failed => ("failed", "failed"),
            };
            let (label, message) = (escape(label(report)), escape(&report.message));
            format!("<tr class=\"{class}\"><td>{label}</td><td>{state}</td><td>{message}</td></tr>")
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>{percent}\n<p class=\"action\">What to do now: {action}</p>\n<table>{rows}</table></body></html>\n",
        title = escape(&overview.title),
        percent = percent.unwrap_or_default(),
        action = escape(&overview.action),
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::overview::tests::{overview, report};

    fn text(head: &str, overview: &Overview) -> String {
        String::from_utf8(answer(head.as_bytes(), overview)).unwrap()
    }

    #[test]
    fn the_page_shows_text_as_text() {
        let mut disk = report("<b>", State::Failed, None);
        disk.message = "<script>alert('1')</script> & \"more\"".to_owned();
        disk.action = Some("a < b".to_owned());
        let page = text("GET / HTTP/1.1\r\n\r\n", &overview(vec![disk]));
        assert!(page.contains(
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;more&quot;</td>"
        ));
        assert!(page.contains("What to do now: call: a &lt; b</p>"));
        assert!(page.contains("<td>&lt;b&gt;</td>"));
        assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("src="));
    }

    #[test]
    fn only_two_addresses_and_two_methods_are_answered() {
        let overview = overview(vec![]);
        for (request, line) in [
            ("GET / HTTP/1.1", "HTTP/1.1 200 OK"),
            ("GET /?x HTTP/1.1", "HTTP/1.1 200 OK"),
            ("GET /status.json HTTP/1.1", "HTTP/1.1 200 OK"),
            ("GET /../etc/passwd HTTP/1.1", "HTTP/1.1 404 Not Found"),
            ("GET /status HTTP/1.1", "HTTP/1.1 404 Not Found"),
            ("POST / HTTP/1.1", "HTTP/1.1 405 Method Not Allowed"),
            ("", "HTTP/1.1 405 Method Not Allowed"),
        ] {
            let answer = text(&format!("{request}\r\n\r\n"), &overview);
            assert_eq!(answer.lines().next(), Some(line), "{request}");
        }
        let (get, head) = ("GET / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n");
        let (get, head) = (text(get, &overview), text(head, &overview));
        assert!(get.starts_with(&head) && head.ends_with("\r\n\r\n") && get.len() > head.len());
    }
}
