//! What is flooded: the server as a process of its own, or a listener that only pretends.

use serde_json::Value;
use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// What the pretender says to everybody.
const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// A running server.
#[derive(Debug)]
pub(crate) struct House {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    server: Child,
    config: PathBuf,
}

impl House {
    /// Starts the server that was built beside this program, with defaults but for `more`.
    pub(crate) fn start(secret: &str, more: &str) -> Result<Self, String> {
        let config = env::temp_dir().join(format!("vestibule-flood-{}.toml", std::process::id()));
        let text = format!(
            "listen = \"127.0.0.1:0\"\n{more}\n[rooms]\ndefault = \"open\"\n[log]\nformat = \
             \"json\"\n[[issuer]]\nsecret = \"{secret}\"\n"
        );
        fs::write(&config, text)
            .map_err(|why| format!("cannot write {}: {why}", config.display()))?;
        let program = beside("vestibule")?;
        let server = Command::new(&program)
            .args(["serve", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn();
        let mut server =
            server.map_err(|why| format!("cannot start {}: {why}", program.display()))?;
        let addr = listening(&mut server);
        let mut house = Self { addr: SocketAddr::from(([0; 4], 0)), server, config };
        house.addr = addr.ok_or("the server did not say where it listens")?;
        Ok(house)
    }

    /// Memory of the server that is its own, in bytes.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.map(|kib| kib * 1_024).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // It has nothing to save; its end is all that counts here.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_file(&self.config);
    }
}

/// A program or example that cargo built beside this example.
pub(crate) fn beside(name: &str) -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|why| why.to_string())?;
    let examples = own.parent().unwrap_or(Path::new("."));
    let found = [examples.join(name), examples.join("..").join(name)];
    found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        format!("{name} is not built: run `cargo build --release --bins --examples` first")
    })
}

/// The address of the log line "listening"; what follows is read and forgotten.
fn listening(server: &mut Child) -> Option<SocketAddr> {
    let mut lines = BufReader::new(server.stderr.take()?).lines().map_while(Result::ok);
    let addr = lines.by_ref().find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        let fields = line.get("fields").unwrap_or(&line);
        fields.get("addr")?.as_str()?.parse().ok()
    });
    thread::spawn(move || lines.for_each(drop));
    addr
}

/// A listener that says 101 to everybody and reads for as long as they stay: what a flood costs
/// its own machine, without a server.
#[derive(Debug)]
pub(crate) struct Pretender {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Pretender {
    /// Listens on loopback.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut heard = [0; 2_048];
                    let mut answered = false;
                    while let Ok(1..) = stream.read(&mut heard).await {
                        if !answered && stream.write_all(SWITCHING).await.is_err() {
                            break;
                        }
                        answered = true;
                    }
                });
            }
        });
        Ok(Self { addr, accepting })
    }
}

impl Drop for Pretender {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
