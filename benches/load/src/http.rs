//! The smallest HTTP client that asks an engine on loopback, and browsers that watch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// No answer within this time is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Status, head and body of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks once, on a connection of its own. `request`: method and path.
pub(crate) async fn ask(port: u16, request: &str, body: &str) -> Result<Answer, Failure> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let text = format!(
            "{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without an end of its head")?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("an answer without a status")?;
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

/// Browsers: each holds a websocket open and reads all that comes, and every second poller asks for the whole state.
pub(crate) struct Browsers {
    stop: Arc<AtomicBool>,
    connected: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    pollers: Vec<tokio::task::JoinHandle<()>>,
}

impl Browsers {
    /// Opens so many websockets, and starts so many pollers of `/v1/state`, one request a second each.
    pub(crate) fn open(port: u16, sockets: usize, pollers: usize) -> Self {
        let (stop, connected, bytes) = (Arc::new(AtomicBool::new(false)), Arc::default(), Arc::default());
        for _ in 0..sockets {
            let (stop, connected, bytes) = (Arc::clone(&stop), Arc::clone(&connected), Arc::clone(&bytes));
            std::thread::spawn(move || watch(port, &stop, &connected, &bytes));
        }
        let pollers = (0..pollers)
            .map(|_| {
                let bytes: Arc<AtomicU64> = Arc::clone(&bytes);
                tokio::spawn(async move {
                    let mut every = tokio::time::interval(Duration::from_secs(1));
                    loop {
                        every.tick().await;
                        if let Ok(answer) = ask(port, "GET /v1/state", "").await {
                            bytes.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        Self { stop, connected, bytes, pollers }
    }

    /// How many websockets were opened, and how many bytes browsers and pollers have read.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.connected.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl Drop for Browsers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for poller in &self.pollers {
            poller.abort();
        }
    }
}

fn watch(port: u16, stop: &AtomicBool, connected: &AtomicU64, bytes: &AtomicU64) {
    let Ok(stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return };
    // So that a silent engine does not keep the thread for ever.
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let Ok((mut socket, _)) = tungstenite::client(format!("ws://127.0.0.1:{port}/ws"), stream) else { return };
    connected.fetch_add(1, Ordering::Relaxed);
    while !stop.load(Ordering::Relaxed) {
        match socket.read() {
            Ok(message) => bytes.fetch_add(message.len() as u64, Ordering::Relaxed),
            Err(_) => return,
        };
    }
}
