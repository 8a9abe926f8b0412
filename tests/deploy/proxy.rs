//! A real proxy in front of the server, with the configuration that deploy/ has.

use crate::{
    files::{Dir, read, tool, with},
    support::{PATIENCE, Program, lines, quiet},
};
use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::mpsc::Receiver,
};

/// How often a port is chosen before the test gives up: between the choice and the proxy's
/// start somebody else may take it.
const PORTS: usize = 5;

/// What of nginx's configuration is not under test, and stands in the file that Debian ships.
const NGINX: &str = "\
daemon off;
worker_processes 1;
pid DIR/pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    client_body_temp_path DIR/body;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    include DIR/vestibule.conf;
}
";

/// What Caddy is told beside its site: to touch nothing but the port of this test.
const CADDY: &str = "{\n\tadmin off\n\tauto_https off\n}\n";

/// A proxy that forwards to one server.
pub(crate) struct Proxy {
    child: Child,
    log: Receiver<String>,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// `ws://ADDR/ws`.
    pub(crate) url: String,
    /// Where its files are; gone with it.
    _dir: Dir,
}

impl Proxy {
    /// nginx with deploy/nginx.conf, `changes` made to it; without TLS.
    pub(crate) fn nginx(server: &Program, changes: &[(&str, &str)]) -> Self {
        Self::nginx_for(&server.addr, changes)
    }

    /// The same in front of any address.
    pub(crate) fn nginx_for(upstream: &str, changes: &[(&str, &str)]) -> Self {
        Self::start(|dir, addr| {
            let site = with(&without_tls(&read("deploy/nginx.conf")), changes);
            let listen = format!("listen {addr};");
            let upstream = format!("server {upstream};");
            let site = with(
                &site,
                &[
                    ("listen 443 ssl;", &listen),
                    ("server 127.0.0.1:7000;", &upstream),
                    ("/var/log/nginx/vestibule.log", "/dev/stderr"),
                ],
            );
            dir.write("vestibule.conf", &site);
            let main = dir.write("nginx.conf", &NGINX.replace("DIR", dir.path()));
            let mut nginx = quiet(tool("nginx"));
            nginx.args(["-e", "stderr", "-p", dir.path(), "-c", &main]);
            (nginx, "start worker process ")
        })
    }

    /// Caddy with deploy/Caddyfile; without TLS.
    pub(crate) fn caddy(server: &Program) -> Self {
        Self::start(|dir, addr| {
            let name = format!("\nhttp://{addr} {{\n");
            let upstream = format!("\treverse_proxy {}\n", server.addr);
            let site = with(
                &read("deploy/Caddyfile"),
                &[("\nchat.example {\n", &name), ("\treverse_proxy 127.0.0.1:7000\n", &upstream)],
            );
            let file = dir.write("Caddyfile", &format!("{CADDY}{site}"));
            let mut caddy = caddy(dir);
            caddy.args(["run", "--adapter", "caddyfile", "--config", &file]);
            (caddy, "serving initial configuration")
        })
    }

    /// Starts what `command` makes for an address, until it says that it is `ready`.
    fn start(command: impl Fn(&Dir, SocketAddr) -> (Command, &'static str)) -> Self {
        let mut said = Vec::new();
        for _ in 0..PORTS {
            let dir = Dir::new();
            let addr = free_address();
            let (mut command, ready) = command(&dir, addr);
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("a proxy");
            let log = lines(child.stderr.take().expect("a pipe"));
            let mut proxy = Self { child, log, addr, url: format!("ws://{addr}/ws"), _dir: dir };
            said = Vec::new();
            while let Ok(line) = proxy.log.recv_timeout(PATIENCE) {
                if line.contains(ready) {
                    return proxy;
                }
                said.push(line);
            }
            proxy.child.kill().expect("a process");
        }
        panic!("no proxy: {}", said.join("\n"));
    }

    /// The next line of the log that contains `word`.
    pub(crate) fn logged(&self, word: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("a line of the proxy's log");
            if line.contains(word) {
                return line;
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // SIGTERM first: nginx's master would leave its workers behind otherwise.
        let pid = rustix::process::Pid::from_child(&self.child);
        if let Ok(None) = self.child.try_wait() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// The configuration without what needs a certificate.
fn without_tls(text: &str) -> String {
    let plain = text.lines().filter(|line| !line.trim_start().starts_with("ssl_"));
    plain.map(|line| format!("{line}\n")).collect()
}

/// Caddy with all its files in `dir`.
pub(crate) fn caddy(dir: &Dir) -> Command {
    let mut caddy = quiet(tool("caddy"));
    caddy.envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, dir.path())));
    caddy
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}
