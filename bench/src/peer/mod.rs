//! The peers that are part of this program.

pub mod floor;
pub mod naive;

use std::{env, io, io::Write, net::SocketAddr};

/// What a peer is told by its environment.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What tokens are signed with.
    pub secret: String,
    /// Seconds between two Pings; 0 for none.
    pub heartbeat_s: u64,
}

impl Setting {
    /// Reads `PORT`, `SECRET` and `HEARTBEAT_S`.
    ///
    /// # Errors
    /// One of them is missing or no number.
    pub fn from_env() -> io::Result<Self> {
        let variable = |name: &str| {
            env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
        };
        let number = |name: &str| {
            variable(name)?
                .parse::<u64>()
                .map_err(|_| io::Error::other(format!("{name}: no number")))
        };
        let port = u16::try_from(number("PORT")?)
            .map_err(|_| io::Error::other("PORT: no port is so large"))?;
        Ok(Self {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            secret: variable("SECRET")?,
            heartbeat_s: number("HEARTBEAT_S")?,
        })
    }
}

/// Tells whoever started this that clients may come.
///
/// # Errors
/// Nobody listens to standard output.
pub fn say_listening() -> io::Result<()> {
    writeln!(io::stdout(), "listening")
}

/// A listener with a backlog that holds a storm.
///
/// # Errors
/// What the system says.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
