//! Connections: how many, for how long, and with TLS where there is a certificate.
//!
//! Promise: strangers cost a bounded amount of memory and time, however many come and however slowly they speak. When all connections are
//! taken, the one that has been open the longest without having asked anything makes room, so that whoever asks at once is answered also
//! while thousands of others ask nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Sleep;
use tower::ServiceExt;

use super::problem;
use super::tls::Tls;
use crate::auth::audit::Peer;

/// A request has its head together within this time, and a connection that nobody asks anything on is closed after it.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// A connection is encrypted within this time.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Whoever takes nothing of an answer for so long is let go.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);
/// Largest head of a request.
const HEAD_MAX: usize = 32 << 10;
/// Most lines of a head.
const HEADERS_MAX: usize = 64;
/// Most that is read of a head, and of a body ahead of who reads it. Who sends a larger head than this is answered by the connection itself,
/// which has no words for it.
const READ_MAX: usize = 48 << 10;
/// The same of its lines.
const LINES_MAX: usize = 128;
/// Pause after a connection could not be taken: mostly there are no more files.
const AFTER_ERROR: Duration = Duration::from_millis(50);
/// Files that are needed for anything but connections.
const OTHER_FILES: u64 = 256;

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// All together.
    pub(crate) connections: usize,
    /// From one address (of IPv6: from one network of 64 bits). This machine is no address: a proxy may stand here.
    pub(crate) of_one_address: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 2048, of_one_address: 512 }
    }
}

impl Bounds {
    /// As many as the system gives files for, which is asked to give more first.
    fn possible(self) -> Self {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
            let limit = getrlimit(Resource::Nofile);
            let wanted = self.connections as u64 + OTHER_FILES;
            if limit.current.is_some_and(|current| current < wanted) {
                let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
                let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum });
            }
            if let Some(files) = getrlimit(Resource::Nofile).current.filter(|&files| files < wanted) {
                let connections = files.saturating_sub(OTHER_FILES).max(16) as usize;
                tracing::warn!(
                    files,
                    connections,
                    "the system gives few files (ulimit -n): fewer connections are taken"
                );
                return Self { connections, ..self };
            }
        }
        self
    }
}

/// How requests come.
#[derive(Clone, Default)]
pub(crate) struct Transport {
    /// Encrypted.
    pub(crate) tls: Option<Arc<Tls>>,
    /// How many connections there may be.
    pub(crate) bounds: Bounds,
}

/// The part of an address that one party has for itself.
pub(crate) fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[derive(Default)]
struct Open {
    count: usize,
    of_address: BTreeMap<IpAddr, usize>,
    /// Connections that have asked nothing yet, in the order in which they came.
    silent: BTreeMap<u64, Option<AbortHandle>>,
    next: u64,
}

/// All connections of a listener.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<Open>>);

impl Connections {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address, if there is one or can be made.
    fn place(&self, address: IpAddr, bounds: Bounds) -> Option<Place> {
        let address = party(address);
        let mut open = self.open();
        let of_address = open.of_address.get(&address).copied().unwrap_or(0);
        if !address.is_loopback() && of_address >= bounds.of_one_address {
            return None;
        }
        if open.count >= bounds.connections {
            open.silent.pop_first()?.1?.abort();
        }
        open.count += 1;
        *open.of_address.entry(address).or_default() += 1;
        let number = open.next;
        open.next += 1;
        open.silent.insert(number, None);
        Some(Place { of: self.clone(), address, number })
    }
}

/// A connection's place among the others, until it is dropped.
struct Place {
    of: Connections,
    address: IpAddr,
    number: u64,
}

impl Place {
    /// Something was asked on it.
    fn has_asked(&self) {
        self.of.open().silent.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open();
        open.count -= 1;
        open.silent.remove(&self.number);
        if let Some(count) = open.of_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.of_address.remove(&self.address);
            }
        }
    }
}

/// A connection that keeps its place as long as it is open, also as a websocket, and that fails when its peer takes nothing any more.
struct Watched {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Arc<Place>,
}

impl Watched {
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(TAKEN_WITHIN)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut)
    }
}

/// Connections on which something may still be answered after no more are taken.
pub(crate) struct Closing(watch::Sender<bool>);

impl Closing {
    /// Resolves when all of them are closed.
    pub(crate) async fn closed(self) {
        self.0.closed().await;
    }
}

/// Serves until `ended`; requests that are being answered then are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    Transport { tls, bounds }: Transport,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Closing {
    let bounds = bounds.possible();
    let connections = Connections::default();
    let (tell, told) = watch::channel(false);
    let mut ended = std::pin::pin!(ended);
    loop {
        let accepted = tokio::select! {
            () = &mut ended => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection is not taken");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        // Whoever has no place is hung up on.
        let Some(place) = connections.place(peer.ip(), bounds).map(Arc::new) else { continue };
        let _ = stream.set_nodelay(true);
        let (number, router, tls, told) = (place.number, router.clone(), tls.clone(), told.clone());
        let task = tokio::spawn(async move {
            let stream = Watched { stream, stalled: None, _place: Arc::clone(&place) };
            match tls {
                None => connection(stream, router, place, peer.ip(), told).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
                        connection(stream, router, place, peer.ip(), told).await;
                    }
                }
            }
        });
        if let Some(silent) = connections.open().silent.get_mut(&number) {
            *silent = Some(task.abort_handle());
        }
    }
    let _ = tell.send(true);
    Closing(tell)
}

/// True when the head of a request is larger than is taken: its first line, and each header with its colon, space and end of line.
fn has_large_head(request: &Request<Incoming>) -> bool {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let size: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    target + size > HEAD_MAX || request.headers().len() > HEADERS_MAX
}

/// Says in `Host` whom a request is for, and in nothing else: an address in its first line counts instead of the header (RFC 9112, 3.2.2).
///
/// # Errors
///
/// Where that is said in no way, or in two.
fn settle_host<T>(request: &mut Request<T>) -> Result<(), &'static str> {
    let hosts = request.headers().get_all(header::HOST);
    if hosts.iter().count() > 1 {
        return Err("it has more than one `Host`: which is meant?");
    }
    let is_legal = |host: &HeaderValue| {
        let host = host.to_str().unwrap_or("?/");
        host.is_empty() || (!host.contains('@') && host.parse::<Authority>().is_ok())
    };
    if !hosts.iter().all(is_legal) {
        return Err("its `Host` is none: give a name or an address, and a port");
    }
    // Programs that speak HTTP/1.0 need not say it.
    if hosts.iter().next().is_none() && request.version() >= Version::HTTP_11 {
        return Err("it has no `Host`");
    }
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = HeaderValue::from_str(host).map_err(|_| "the address in its first line is none")?;
    request.headers_mut().insert(header::HOST, host);
    Ok(())
}

async fn connection<S>(stream: S, router: Router, place: Arc<Place>, peer: IpAddr, mut ended: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Peer(peer);
    let service = service_fn(move |request: Request<Incoming>| {
        place.has_asked();
        let refused = has_large_head(&request);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let hostless = settle_host(&mut request).err();
        let router = router.clone();
        async move {
            if refused {
                let detail = format!("at most {} KiB and {HEADERS_MAX} lines are taken", HEAD_MAX >> 10);
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                return Ok(problem(status, "request header fields too large", &detail));
            }
            if let Some(why) = hostless {
                return Ok(problem(StatusCode::BAD_REQUEST, "bad request", why));
            }
            router.oneshot(request).await
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(READ_MAX).max_headers(LINES_MAX);
    let mut served = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    // A connection that breaks is its peer's business.
    tokio::select! {
        _ = served.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(connections: usize, of_one_address: usize) -> Bounds {
        Bounds { connections, of_one_address }
    }

    #[test]
    fn one_address_has_so_many_and_an_ipv6_network_is_one() {
        let connections = Connections::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let place = |text: &str| connections.place(address(text), bounds(9, 2));
        let held = [place("10.0.0.1"), place("::ffff:10.0.0.1"), place("2001:db8::1"), place("2001:db8::ffff:2")];
        assert!(held.iter().all(Option::is_some));
        assert!(place("10.0.0.1").is_none() && place("2001:db8::3").is_none());
        let (other, network, here) =
            (place("10.0.0.2"), place("2001:db8:0:1::1"), [place("127.0.0.1"), place("127.0.0.1"), place("127.0.0.1")]);
        assert!(other.is_some() && network.is_some() && here.iter().all(Option::is_some));
        drop((held, other, network, here));
        let open = connections.open();
        assert_eq!((open.count, open.of_address.len(), open.silent.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn who_asks_nothing_makes_room_and_who_has_asked_stays() {
        let connections = Connections::default();
        let here = "127.0.0.1".parse().unwrap();
        let mut tasks = Vec::new();
        for number in 0..3 {
            let place = connections.place(here, bounds(3, 9)).expect("a place");
            let task = tokio::spawn(std::future::pending::<()>());
            connections.open().silent.insert(place.number, Some(task.abort_handle()));
            if number == 0 {
                place.has_asked();
            }
            tasks.push((place, task));
        }
        let fourth = connections.place(here, bounds(3, 9)).expect("the second makes room");
        tokio::task::yield_now().await;
        assert_eq!(tasks.iter().map(|(_, task)| task.is_finished()).collect::<Vec<_>>(), [false, true, false]);
        for (place, _) in &tasks {
            place.has_asked();
        }
        fourth.has_asked();
        assert!(connections.place(here, bounds(3, 9)).is_none(), "all are busy");
    }

    #[test]
    fn a_request_says_once_whom_it_is_for() {
        let settled = |version: Version, target: &str, hosts: &[&str]| {
            let mut request = Request::builder().version(version).uri(target);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            let mut request = request.body(()).unwrap();
            settle_host(&mut request)?;
            Ok::<_, &str>(request.headers().get(header::HOST).map(|host| host.to_str().unwrap().to_owned()))
        };
        let host = |host: &str| Ok(Some(host.to_owned()));
        assert_eq!(settled(Version::HTTP_11, "/livez", &["127.0.0.1:8080"]), host("127.0.0.1:8080"));
        assert_eq!(settled(Version::HTTP_11, "/livez", &["[::1]:8080"]), host("[::1]:8080"));
        assert_eq!(settled(Version::HTTP_10, "/livez", &[]), Ok(None));
        // The address in the first line counts, whatever the header says.
        assert_eq!(settled(Version::HTTP_11, "http://evil.example/livez", &["localhost"]), host("evil.example"));
        assert_eq!(settled(Version::HTTP_11, "http://me@evil.example/livez", &["localhost"]), host("evil.example"));
        let wrong: [&[&str]; 5] =
            [&[], &["localhost", "localhost"], &["localhost", "evil.example"], &["a b"], &["me@localhost"]];
        for hosts in wrong {
            assert!(settled(Version::HTTP_11, "/livez", hosts).is_err(), "{hosts:?}");
        }
        assert!(settled(Version::HTTP_11, "http://evil.example/livez", &[]).is_err());
    }
}
