//! Where the admin listener stands: a unix socket with mode 0600, or a loopback port.

use crate::{config::AdminConfig, server::accept::listen};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fmt, fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 64;
/// The owner reads and writes, nobody else.
const PRIVATE: u32 = 0o600;

/// The place of the admin listener, open and not served yet.
#[derive(Debug)]
pub(crate) enum Bound {
    /// A file, removed at the end.
    Unix(std::os::unix::net::UnixListener, SocketFile),
    /// A loopback port.
    Loopback(std::net::TcpListener),
}

/// Listens for the admin routes.
#[derive(Debug)]
pub(crate) enum Listener {
    /// A file, removed at the end.
    Unix {
        /// What accepts.
        listener: UnixListener,
        /// Kept until then.
        _file: SocketFile,
    },
    /// A loopback port.
    Loopback(TcpListener),
}

impl Bound {
    /// Opens the place that `config` names.
    ///
    /// # Errors
    /// Which place it is and what the system says; `AddrInUse` if another server listens there, or
    /// if something stands there that is no socket.
    pub(crate) fn bind(config: &AdminConfig) -> io::Result<Self> {
        let said = |place: String| {
            move |why: io::Error| io::Error::new(why.kind(), format!("{place} (admin): {why}"))
        };
        match config {
            AdminConfig::Unix { path, .. } => {
                let (listener, file) =
                    bind_unix(path).map_err(said(format!("unix:{}", path.display())))?;
                Ok(Self::Unix(listener, file))
            }
            AdminConfig::Loopback { addr, .. } => {
                let addr = addr.get();
                listen(addr).map(Self::Loopback).map_err(said(addr.to_string()))
            }
        }
    }

    /// Where it stands, as `admin.listen` would say it.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Unix(_, file) => format!("unix:{}", file.path.display()),
            Self::Loopback(listener) => {
                listener.local_addr().as_ref().map_or_else(ToString::to_string, ToString::to_string)
            }
        }
    }

    /// Begins to listen, on the runtime that this is called on.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn listen(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Unix(listener, file) => {
                Listener::Unix { listener: UnixListener::from_std(listener)?, _file: file }
            }
            Self::Loopback(listener) => Listener::Loopback(TcpListener::from_std(listener)?),
        })
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<AdminStream> {
        match self {
            Self::Unix { listener, .. } => Ok(AdminStream::Unix(listener.accept().await?.0)),
            Self::Loopback(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(AdminStream::Tcp(stream))
            }
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<(std::os::unix::net::UnixListener, SocketFile)> {
    clear_away(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Nobody can connect before `listen`, so that the mode is right in time.
    fs::set_permissions(path, fs::Permissions::from_mode(PRIVATE))?;
    let file = SocketFile { path: path.to_owned(), id: id(path)? };
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

/// Removes what a server left behind that ended without a word.
fn clear_away(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    let taken = |what: &str| {
        let what = format!("{} {what}", path.display());
        Err(io::Error::new(io::ErrorKind::AddrInUse, what))
    };
    if !found.file_type().is_socket() {
        return taken("exists and is no socket: it is left alone");
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => taken("is in use: another server listens there"),
        Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(why) => Err(why),
    }
}

/// Device and inode: which file it is, whatever its name.
fn id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// The file of a socket; removed when it is dropped, unless somebody has put another one there.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            // The next server clears it away.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A connection of either kind.
pub(super) enum AdminStream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl fmt::Debug for AdminStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminStream")
    }
}

impl AsyncRead for AdminStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for AdminStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
