//! Connections for upgrades, that give way once before they read an answer.
//!
//! pingora 0.9.1 forwards a request and its answer in two halves that talk through a channel. An upgrade has no body,
//! so the first thing in the channel is "the request has ended". If the application's 101 is there before that was
//! taken out (a fast application, a busy machine), pingora takes it for the end of the upgraded stream and closes a
//! WebSocket that has just been opened. Here the first read after a write is answered with "not yet, ask again at
//! once", so that the channel is emptied first.

use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::ext::set_tcp_keepalive;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::{Error, ErrorType, OrErr, Result};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Makes such connections.
#[derive(Debug)]
pub(super) struct Hesitant;

#[async_trait]
impl L4Connect for Hesitant {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let Some(address) = address.as_inet() else {
            return Err(Error::explain(ErrorType::ConnectError, "not an internet address"));
        };
        let socket = TcpStream::connect(address).await.or_err(ErrorType::ConnectError, "for an upgrade")?;
        Ok(VirtualSocketStream::new(Box::new(Hesitating { socket, wrote: false })).into())
    }
}

#[derive(Debug)]
struct Hesitating {
    socket: TcpStream,
    /// Something was written since the last read.
    wrote: bool,
}

impl VirtualSocket for Hesitating {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.socket.set_nodelay(true),
            VirtualSockOpt::KeepAlive(keepalive) => {
                set_tcp_keepalive(&self.socket, &keepalive).map_err(|_| io::ErrorKind::Other.into())
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl AsyncRead for Hesitating {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.wrote) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut this.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Hesitating {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wrote = true;
        Pin::new(&mut this.socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn the_first_read_after_a_write_gives_way_and_then_reads() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        far.write_all(b"answer").await.unwrap();
        let mut near = Hesitating { socket, wrote: false };
        near.socket.readable().await.unwrap();
        near.write_all(b"question").await.unwrap();
        let mut some = [0; 16];
        let mut read = Box::pin(near.read(&mut some));
        assert!(futures_util::poll!(read.as_mut()).is_pending());
        assert_eq!(read.await.unwrap(), 6);
    }
}
