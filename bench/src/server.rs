//! The peers as processes: how each is started, spoken to and ended.

use crate::{
    generator::{Target, dialect::Dialect},
    process, token,
};
use clap::ValueEnum;
use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Seconds between two Pings, Vestibule's default.
pub const HEARTBEAT_S: u64 = 25;
/// How long a peer may take until it can be connected to.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// The peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// This repository's server.
    Vestibule,
    /// What the system alone costs: one `send` per socket.
    Floor,
    /// tokio-tungstenite with its defaults.
    Naive,
    /// npm's ws.
    Ws,
    /// uWebSockets.js.
    Uws,
    /// Socket.IO.
    Socketio,
}

impl Peer {
    /// Its name in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vestibule => "vestibule",
            Self::Floor => "floor",
            Self::Naive => "naive",
            Self::Ws => "ws",
            Self::Uws => "uws",
            Self::Socketio => "socketio",
        }
    }

    /// How it is spoken to.
    #[must_use]
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Vestibule | Self::Naive | Self::Ws | Self::Uws => Dialect::Vestibule,
            Self::Socketio => Dialect::SocketIo,
            Self::Floor => Dialect::Raw,
        }
    }

    /// The command that starts it.
    ///
    /// # Errors
    /// Why it cannot be started here, for people.
    pub fn command(self, places: &Places) -> Result<Command, String> {
        let script = match self {
            Self::Vestibule => {
                let program = &places.vestibule;
                if !program.is_file() {
                    return Err(format!("{} is missing: cargo build --release", program.display()));
                }
                let mut command = Command::new(program);
                command.arg("serve").arg("--config").arg(places.bench.join("vestibule.toml"));
                return Ok(command);
            }
            Self::Floor | Self::Naive => {
                let mut command = Command::new(env::current_exe().map_err(|e| e.to_string())?);
                command.args(["peer", self.name()]);
                return Ok(command);
            }
            Self::Ws => "ws.mjs",
            Self::Uws => "uws.mjs",
            Self::Socketio => "socketio.mjs",
        };
        let script = places.bench.join("peers").join(script);
        if !script.is_file() {
            return Err(format!("{} is missing", script.display()));
        }
        let mut command = Command::new("node");
        command.arg(script);
        Ok(command)
    }

    /// Its version, as it says it itself.
    ///
    /// # Errors
    /// Why it does not run here, for people.
    pub fn version(self, places: &Places) -> Result<String, String> {
        let output = match self {
            Self::Floor => return Ok(format!("vestibule-bench {}", env!("CARGO_PKG_VERSION"))),
            Self::Naive => return Ok("tokio-tungstenite 0.30, tokio 1".to_owned()),
            Self::Vestibule => {
                self.command(places)?;
                Command::new(&places.vestibule).arg("--version").output()
            }
            Self::Ws | Self::Uws | Self::Socketio => {
                self.command(places)?.arg("--version").output()
            }
        };
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = text.lines().find(|line| line.contains("Error")).or(text.lines().next());
            return Err(line.unwrap_or("it does not start").to_owned());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder of the benchmark.
    pub bench: PathBuf,
    /// The binary of Vestibule.
    pub vestibule: PathBuf,
    /// Where logs of peers go.
    pub logs: PathBuf,
}

/// Which cores are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// The server's; `None` leaves it to the system.
    pub server: Option<usize>,
    /// The generator's.
    pub generator: Option<usize>,
}

/// How a peer is to be started.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Further variables of its environment.
    pub env: Vec<(String, String)>,
    /// Further arguments.
    pub args: Vec<String>,
    /// Whether it may use every core.
    pub unpinned: bool,
    /// A setting of Vestibule without which the case makes no sense.
    pub needs: Option<&'static str>,
    /// The public key and its algorithm, in place of the shared secret.
    pub key: Option<(PathBuf, String)>,
}

impl Start {
    fn check(&self, places: &Places) -> io::Result<()> {
        let Some(key) = self.needs else { return Ok(()) };
        let reference = Command::new(&places.vestibule).args(["config", "reference"]).output()?;
        if String::from_utf8_lossy(&reference.stdout).contains(key) {
            return Ok(());
        }
        Err(io::Error::other(format!("this version has no setting {key:?}")))
    }
}

/// A peer that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub target: Target,
}

impl Server {
    /// Starts a peer, and waits until it can be connected to.
    ///
    /// # Errors
    /// Why it did not start.
    pub fn start(peer: Peer, places: &Places, cores: Cores, start: &Start) -> io::Result<Self> {
        start.check(places)?;
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        fs::create_dir_all(&places.logs)?;
        let log = places.logs.join(format!("{}.log", peer.name()));
        let mut command = peer.command(places).map_err(io::Error::other)?;
        command
            .args(&start.args)
            .env("PORT", port.to_string())
            .env("SECRET", token::SECRET)
            .env("HEARTBEAT_S", HEARTBEAT_S.to_string())
            .env("VESTIBULE_LISTEN", address.to_string())
            .env("VESTIBULE_ISSUER__0__SECRET", token::SECRET)
            .env("VESTIBULE_WORKERS", "1")
            .envs(start.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        if let Some((file, algorithm)) = &start.key {
            command
                .env_remove("VESTIBULE_ISSUER__0__SECRET")
                .env("VESTIBULE_ISSUER__0__PUBLIC_KEY_FILE", file)
                .env("VESTIBULE_ISSUER__0__ALGORITHM", algorithm);
        }
        process::pin(cores.server.filter(|_| !start.unpinned))?;
        let child = command.spawn();
        process::pin(cores.generator.filter(|_| !start.unpinned))?;
        let path = if peer == Peer::Vestibule { "/ws" } else { "/" }.to_owned();
        let target = Target { address, path, dialect: peer.dialect() };
        let mut server = Self { child: child?, target };
        server.wait(&log)?;
        Ok(server)
    }

    fn wait(&mut self, log: &Path) -> io::Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.target.address).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || began.elapsed() > START_PATIENCE {
                let text = fs::read_to_string(log).unwrap_or_default();
                let last = text.lines().last().unwrap_or("no word about it").to_owned();
                return Err(io::Error::other(format!("it did not start: {last}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of a run is worth a farewell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
