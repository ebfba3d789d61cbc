//! Watching a connection: slow headers and idle connections are cut, and the first octets can be looked at.
//!
//! pingora has a timeout for each read but none for a whole header, and keeps a connection open for ever once a
//! request was served on it; its look at the first 24 octets, for HTTP/2 without TLS, waits for ever for a short
//! HTTP/1 request. [`Watched`] wraps the stream below the HTTP library and answers all three. What it costs a request
//! that arrives in one piece is a few relaxed atomics: the deadlines are looked at by one timer a connection
//! ([`Watch::overdue`]), which sleeps for a whole [`Patience::header`] at a time.

use super::limits::{MAX_UNFINISHED_HEADER, Patience};
use super::seats::{Seat, Seats};
use crate::clock::Moment;
use crate::session::Session;
use async_trait::async_trait;
use bytes::BytesMut;
use memchr::memchr;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// RFC 9113 section 3.4: what a client that speaks HTTP/2 says first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Nothing of the next request has arrived.
const WAITING: u8 = 0;
/// Some of a request's header has arrived.
const HEADER: u8 = 1;
/// A request is being served; its own timeouts count.
const BUSY: u8 = 2;
/// HTTP/2: the library below keeps its own account of idle connections.
const MULTIPLEXED: u8 = 3;

tokio::task_local! {
    /// The HTTP/1 connection or HTTP/2 stream that the current task serves, for callers to whom the HTTP library does not
    /// pass it on.
    static CURRENT: Arc<Watch>;
}

/// What is known about the progress of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    patience: Patience,
    made: Instant,
    phase: AtomicU8,
    /// Nanoseconds from `made` to the beginning of the phase.
    since: AtomicU64,
    /// Octets read since the phase [`HEADER`] began.
    unfinished: AtomicUsize,
    /// The connection will speak HTTP/2 after its preface.
    negotiated_h2: bool,
    /// There is a `#` in the first line of the request whose header arrives.
    fragment: AtomicBool,
    /// Whose request is being served.
    pub(super) seat: Seat,
}

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// A header did not come to its end.
    Header,
    /// Nothing was asked.
    Idle,
    /// The session has ended whose request was being served.
    Session,
}

impl Watch {
    fn new(patience: Patience, negotiated_h2: bool) -> Arc<Self> {
        Arc::new(Self {
            patience,
            made: Instant::now(),
            phase: AtomicU8::new(WAITING),
            since: AtomicU64::new(0),
            unfinished: AtomicUsize::new(0),
            negotiated_h2,
            seat: Seat::default(),
            fragment: AtomicBool::new(false),
        })
    }

    /// Of one stream of HTTP/2: the library below keeps its time.
    pub(super) fn of_stream(patience: Patience) -> Arc<Self> {
        let watch = Self::new(patience, true);
        watch.phase.store(MULTIPLEXED, Ordering::Relaxed);
        watch
    }

    /// Whether the target of the request whose header is complete has a fragment. HTTP libraries drop it silently, and
    /// then another target is judged than the one that a gateway forwards. To be asked once for each request; over
    /// HTTP/2 nobody knows.
    pub(super) fn takes_fragment(&self) -> bool {
        self.fragment.load(Ordering::Relaxed) && self.fragment.swap(false, Ordering::Relaxed)
    }

    /// The header of a request is complete.
    pub(super) fn header_complete(&self) {
        if self.phase.load(Ordering::Relaxed) != MULTIPLEXED {
            self.enter(BUSY);
        }
    }

    /// A request was answered: what comes now is the next one.
    pub(super) fn between_requests(&self) {
        self.seat.leave();
        if self.phase.load(Ordering::Relaxed) != MULTIPLEXED {
            self.enter(WAITING);
        }
    }

    /// A request without a body was complete as soon as its header was: what comes now is the next one. The beginning of
    /// that header counts as the beginning of the wait and, as the answer, of the request, which saves two looks at the
    /// clock.
    pub(super) fn complete_at_once(&self) -> Instant {
        if self.phase.load(Ordering::Relaxed) == MULTIPLEXED {
            return Instant::now();
        }
        self.phase.store(WAITING, Ordering::Relaxed);
        self.began()
    }

    /// Runs `work` with this as the connection of [`current_header_complete`] and [`current_between_requests`].
    pub(super) async fn while_serving<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// Resolves when the client has used up our patience, late by at most [`Patience::header`], or its session has ended.
    pub(super) async fn overdue(&self) -> Overdue {
        loop {
            if tokio::time::timeout(self.patience.header, self.seat.is_cut()).await.is_ok() {
                return Overdue::Session;
            }
            let began = self.began();
            let (allowed, overdue) = match self.phase.load(Ordering::Relaxed) {
                WAITING => (self.patience.idle, Overdue::Idle),
                HEADER => (self.patience.header, Overdue::Header),
                _ => continue,
            };
            if began.elapsed() >= allowed {
                return overdue;
            }
        }
    }

    /// When the phase began.
    fn began(&self) -> Instant {
        self.made + Duration::from_nanos(self.since.load(Ordering::Relaxed))
    }

    fn enter(&self, phase: u8) {
        // Enough for 580 years.
        let since = u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// Whether more may be read.
    fn may_read(&self) -> io::Result<()> {
        let header = self.phase.load(Ordering::Relaxed) == HEADER;
        if header && self.unfinished.load(Ordering::Relaxed) > MAX_UNFINISHED_HEADER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "request header without an end"));
        }
        Ok(())
    }

    fn read(&self, octets: usize) {
        let phase = self.phase.load(Ordering::Relaxed);
        if phase == BUSY && octets > 0 {
            self.seat.is_used();
        }
        if octets == 0 || phase == BUSY || phase == MULTIPLEXED {
            return;
        }
        let mut unfinished = octets;
        if phase == HEADER {
            unfinished = self.unfinished.load(Ordering::Relaxed).saturating_add(octets);
        } else {
            self.enter(HEADER);
        }
        self.unfinished.store(unfinished, Ordering::Relaxed);
        if self.negotiated_h2 && unfinished >= PREFACE.len() {
            self.enter(MULTIPLEXED);
        }
    }
}

/// [`Watch::header_complete`] of what this task serves.
pub(super) fn current_header_complete() {
    let _ = CURRENT.try_with(|watch| watch.header_complete());
}

/// [`Watch::between_requests`] of what this task serves.
pub(super) fn current_between_requests() {
    let _ = CURRENT.try_with(|watch| watch.between_requests());
}

/// [`Seats::take`] of what this task serves.
pub(super) fn current_is_taken(seats: &Seats, session: Arc<Session>, site: u16, now: Moment) {
    let _ = CURRENT.try_with(|watch| seats.take(watch, session, site, now));
}

/// [`Seat::lasts`] of what this task serves.
pub(super) fn current_lasts() {
    let _ = CURRENT.try_with(|watch| watch.seat.lasts());
}

/// [`Seat::is_used`] of what this task serves.
pub(super) fn current_is_used() {
    let _ = CURRENT.try_with(|watch| watch.seat.is_used());
}

/// A stream that reports to a [`Watch`].
#[derive(Debug)]
pub(super) struct Watched<S> {
    inner: S,
    watch: Arc<Watch>,
    /// Octets that were looked at and not yet read.
    ahead: BytesMut,
    /// How much of a request's first line has been read.
    line: Line,
    /// Whether first lines are looked at.
    looks: bool,
}

/// The first line of a request, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing of it, or line ends before it.
    Begins,
    /// Some of it.
    Within,
    /// It is over, or nobody looks at it.
    Over,
}

impl Line {
    /// Reads on. Whether there is a `#` in what is of the line.
    fn has_fragment(&mut self, mut octets: &[u8]) -> bool {
        if *self == Self::Begins {
            let blank = octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
            octets = octets.get(blank..).unwrap_or_default();
        }
        let line = match memchr(b'\n', octets) {
            Some(end) => {
                *self = Self::Over;
                octets.get(..end).unwrap_or_default()
            }
            None => {
                if !octets.is_empty() {
                    *self = Self::Within;
                }
                octets
            }
        };
        memchr(b'#', line).is_some()
    }
}

impl Watched<Stream> {
    /// A connection that pingora accepted.
    pub(super) fn accepted(inner: Stream, patience: Patience) -> (Self, Arc<Watch>) {
        let negotiated_h2 = matches!(inner.selected_alpn_proto(), Some(ALPN::H2));
        // pingora keeps the target as it was written.
        Self::over(inner, Watch::new(patience, negotiated_h2), Line::Over)
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// A connection without TLS.
    pub(super) fn new(inner: S, patience: Patience) -> (Self, Arc<Watch>) {
        Self::over(inner, Watch::new(patience, false), Line::Begins)
    }

    fn over(inner: S, watch: Arc<Watch>, line: Line) -> (Self, Arc<Watch>) {
        let looks = line == Line::Begins;
        (Self { inner, watch: watch.clone(), ahead: BytesMut::new(), line, looks }, watch)
    }

    /// Looks for a fragment in what is read, as long as it is of a request's first line.
    fn look(&mut self, octets: &[u8]) {
        if self.line != Line::Over && self.line.has_fragment(octets) {
            self.watch.fragment.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the client begins with the preface of HTTP/2. Known with the first octet that is not of it, so that a
    /// short HTTP/1 request is never waited for. What was looked at is still there to be read.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        while self.ahead.len() < PREFACE.len() && PREFACE.starts_with(&self.ahead) {
            let before = self.ahead.len();
            let read = self.inner.read_buf(&mut self.ahead).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.watch.read(self.ahead.len() - before);
        }
        let preface = self.ahead.starts_with(PREFACE);
        if preface {
            self.watch.enter(MULTIPLEXED);
            self.line = Line::Over;
        }
        Ok(preface)
    }
}

#[async_trait]
impl Peek for Watched<Stream> {
    /// Fills `buf` with the HTTP/2 preface when the client says it, with its first octets and zeros otherwise.
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.speaks_http2().await?;
        let shown = buf.len().min(self.ahead.len());
        buf.fill(0);
        buf[..shown].copy_from_slice(&self.ahead[..shown]);
        Ok(true)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let some = this.ahead.split_to(this.ahead.len().min(buf.remaining()));
            this.look(&some);
            buf.put_slice(&some);
            return Poll::Ready(Ok(()));
        }
        this.watch.may_read()?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        if this.looks && this.watch.phase.load(Ordering::Relaxed) == WAITING {
            this.line = Line::Begins;
        }
        let read = buf.filled().get(before..).unwrap_or_default();
        this.look(read);
        this.watch.read(read.len());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, io::Error>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<Result<usize, io::Error>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Watched<Stream> {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(&mut *self.inner).await;
    }
}

impl UniqueID for Watched<Stream> {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Watched<Stream> {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watched<Stream> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        // Nobody asks for it, and pingora would collect it anew for each request.
        Vec::new()
    }
}

impl GetProxyDigest for Watched<Stream> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for Watched<Stream> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        body: Duration::from_secs(30),
        write: Duration::from_secs(60),
        farewell: Duration::from_secs(1),
    };

    fn watched() -> (Watched<Stream>, Arc<Watch>, DuplexStream) {
        let (near, far) = duplex(1 << 20);
        let (watched, watch) = Watched::accepted(Box::new(near), PATIENCE);
        (watched, watch, far)
    }

    async fn read_some(from: &mut Watched<Stream>) -> usize {
        from.read(&mut [0; 4096]).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_trickles_is_overdue_although_every_read_is_in_time() {
        let (mut near, watch, mut far) = watched();
        let began = Instant::now();
        let trickle = async {
            loop {
                far.write_all(b"x").await.unwrap();
                read_some(&mut near).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! { () = trickle => {}, why = watch.overdue() => assert_eq!(why, Overdue::Header) }
        assert!(began.elapsed() >= PATIENCE.header && began.elapsed() <= 2 * PATIENCE.header);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_being_served_is_never_overdue_and_an_idle_connection_is() {
        let (mut near, watch, mut far) = watched();
        far.write_all(b"GET").await.unwrap();
        read_some(&mut near).await;
        watch.header_complete();
        assert!(tokio::time::timeout(Duration::from_secs(3600), watch.overdue()).await.is_err());
        watch.between_requests();
        let began = Instant::now();
        watch.overdue().await;
        assert!(began.elapsed() >= PATIENCE.idle && began.elapsed() <= PATIENCE.idle + PATIENCE.header);
    }

    #[tokio::test]
    async fn a_header_without_an_end_is_an_error() {
        let (mut near, _watch, mut far) = watched();
        let writer =
            tokio::spawn(async move { far.write_all(&vec![b'x'; MAX_UNFINISHED_HEADER + 4096]).await });
        let mut sink = Vec::new();
        assert_eq!(near.read_to_end(&mut sink).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        writer.abort();
    }

    #[tokio::test]
    async fn a_short_http_1_request_is_not_waited_for_and_nothing_of_it_is_lost() {
        let (mut near, watch, mut far) = watched();
        far.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut seen = [9; 24];
        assert!(near.try_peek(&mut seen).await.unwrap());
        assert_ne!(&seen, PREFACE);
        assert_eq!(watch.phase.load(Ordering::Relaxed), HEADER);
        let mut back = [0; 18];
        near.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"GET / HTTP/1.0\r\n\r\n");
    }

    #[tokio::test]
    async fn the_preface_is_recognised_in_pieces() {
        let (mut near, watch, mut far) = watched();
        far.write_all(&PREFACE[..7]).await.unwrap();
        let rest = tokio::spawn(async move {
            far.write_all(&PREFACE[7..]).await.unwrap();
            far.write_all(b"settings").await.unwrap();
            far
        });
        let mut seen = [0; 24];
        assert!(near.try_peek(&mut seen).await.unwrap());
        assert_eq!(&seen, PREFACE);
        assert_eq!(watch.phase.load(Ordering::Relaxed), MULTIPLEXED);
        let mut back = [0; 32];
        near.read_exact(&mut back).await.unwrap();
        assert_eq!(&back[24..], b"settings");
        drop(rest.await);
    }

    #[tokio::test]
    async fn a_fragment_is_seen_in_the_first_line_of_each_request_and_nowhere_else() {
        for (pieces, seen) in [
            (&["GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"][..], true),
            (&["GET /a", "b", "#", " HTTP/1.1\r\n\r\n"], true),
            (&["\r\n\r\nGET /a#b HTTP/1.1\r\n\r\n"], true),
            (&["GET /a HTTP/1.1\r\nCookie: a=#\r\n\r\n#"], false),
            (&["GET /a HTTP/1.1\r\nCookie", ": a=#\r\n\r\n"], false),
        ] {
            let (near, mut far) = duplex(1 << 20);
            let (mut near, watch) = Watched::new(near, PATIENCE);
            for _ in 0..2 {
                for piece in pieces {
                    far.write_all(piece.as_bytes()).await.unwrap();
                    let mut left = piece.len();
                    while left > 0 {
                        left -= near.read(&mut [0; 4096]).await.unwrap();
                    }
                }
                watch.complete_at_once();
                assert_eq!((watch.takes_fragment(), watch.takes_fragment()), (seen, false), "{pieces:?}");
            }
        }
    }
}
