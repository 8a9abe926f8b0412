//! The configuration, the unit and the proxies' files, judged by the programs that read them.

use crate::{
    proxy::caddy,
    support::{Program, SECRET, quiet},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::atomic::{AtomicU32, Ordering},
};
use vestibule::protocol::limits::SessionLimits;

/// A directory of one test, gone with it.
pub(crate) struct Dir(String);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "vestibule-deploy-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory");
        Self(path.to_str().expect("UTF-8").to_owned())
    }

    pub(crate) fn path(&self) -> &str {
        &self.0
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = format!("{}/{name}", self.0);
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file of this repository.
pub(crate) fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A text with changes, each of which must fit one place.
pub(crate) fn with(text: &str, changes: &[(&str, &str)]) -> String {
    let change = |text: String, (from, to): &(&str, &str)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} stands once");
        text.replace(from, to)
    };
    changes.iter().fold(text.to_owned(), change)
}

/// A program that `./check deploy` installs; Debian keeps some out of a user's path.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: run ./check deploy"))
}

/// Everything that a program said.
pub(crate) fn said(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// The values of a setting of the unit, in order.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

/// Starts the server as `arguments` and `environment` say, with the files that deploy/ has, and
/// stops it again.
pub(crate) fn starts(arguments: &str, environment: &[(String, String)]) {
    let dir = Dir::new();
    let config = dir.write("vestibule.toml", &read("deploy/vestibule.toml"));
    let secret = dir.write("secret", &format!("{SECRET}\n"));
    let arguments = with(arguments, &[("/etc/vestibule/vestibule.toml", &config)]);
    let mut command = quiet(env!("CARGO_BIN_EXE_vestibule"));
    command.args(arguments.split(' '));
    for (name, value) in environment {
        let is_secret = name == "VESTIBULE_ISSUER__0__SECRET_FILE";
        command.env(name, if is_secret { &secret } else { value });
    }
    command.env("VESTIBULE_LISTEN", "127.0.0.1:0");
    let (server, before) = Program::start(command);
    assert!(!before.iter().any(|line| line.contains("WARN")), "{before:?}");
    let (status, _) = server.stop();
    assert!(status.success());
}

#[test]
fn deploy_unit_starts_the_server() {
    let unit = read("deploy/vestibule.service");
    let start = settings(&unit, "ExecStart");
    let arguments = start[0].strip_prefix("/usr/local/bin/vestibule ").expect("the program");
    let environment = settings(&unit, "Environment").into_iter();
    let environment: Vec<_> = environment
        .filter_map(|it| it.split_once('=').map(|(name, value)| (name.into(), value.into())))
        .collect();
    assert_eq!(environment.len(), 1);
    starts(arguments, &environment);
}

#[test]
fn deploy_unit_waits_for_the_drain() {
    let unit = read("deploy/vestibule.service");
    let seconds = settings(&unit, "TimeoutStopSec")[0].trim_end_matches('s').parse::<u64>();
    let toml: toml::Table = read("deploy/vestibule.toml").parse().expect("TOML");
    let drain_ms = toml["drain_ms"].as_integer().expect("milliseconds").unsigned_abs();
    let stop_ms = seconds.expect("seconds") * 1_000;
    assert!(stop_ms >= 2 * drain_ms + 1_000, "{stop_ms} ms for a drain of {drain_ms} ms");
}

/// A session hears something at least once in an interval and a tenth; twice that and the time for
/// an answer is a margin for one lost beat.
#[test]
fn deploy_nginx_is_more_patient_than_the_heartbeat() {
    let limits = SessionLimits::default();
    let beats_ms = limits.heartbeat_interval_ms * 22 / 10 + limits.heartbeat_timeout_ms;
    for name in ["proxy_read_timeout ", "proxy_send_timeout "] {
        let site = read("deploy/nginx.conf");
        let (_, value) = site.split_once(name).expect("a timeout");
        let (seconds, _) = value.split_once("s;").expect("seconds");
        let patience_ms = seconds.parse::<u64>().expect("a number") * 1_000;
        assert!(patience_ms > beats_ms, "{name}{patience_ms} ms, and {beats_ms} ms of beats");
    }
}

#[test]
fn deploy_unit_is_what_systemd_understands_and_calls_hardened() {
    let dir = Dir::new();
    let program = env!("CARGO_BIN_EXE_vestibule");
    let unit = with(
        &read("deploy/vestibule.service"),
        &[("ExecStart=/usr/local/bin/vestibule", &format!("ExecStart={program}"))],
    );
    let unit = dir.write("vestibule.service", &unit);
    let verify = ["verify", "--man=no", &unit];
    // The scale goes from 0 to 100; under 20 is what its own words call "OK" at best.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager", &unit];
    for arguments in [verify.as_slice(), &security] {
        let output = quiet(tool("systemd-analyze")).args(arguments).output().expect("systemd");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn deploy_nginx_understands_the_whole_file() {
    let dir = Dir::new();
    let (key, certificate) = (format!("{}/key", dir.path()), format!("{}/cert", dir.path()));
    let output = quiet(tool("openssl"))
        .args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-subj", "/CN=chat.example", "-keyout", &key, "-out", &certificate])
        .output()
        .expect("openssl");
    assert!(output.status.success(), "{}", said(&output));
    let site = with(
        &read("deploy/nginx.conf"),
        &[
            ("/etc/letsencrypt/live/CHAT.EXAMPLE/fullchain.pem", &certificate),
            ("/etc/letsencrypt/live/CHAT.EXAMPLE/privkey.pem", &key),
            ("/var/log/nginx/vestibule.log", &format!("{}/log", dir.path())),
        ],
    );
    dir.write("vestibule.conf", &site);
    let pid =
        format!("pid {0}/pid; events {{}} http {{ include {0}/vestibule.conf; }}", dir.path());
    let main = dir.write("nginx.conf", &pid);
    let arguments = ["-t", "-e", "stderr", "-p", dir.path(), "-c", &main];
    let output = quiet(tool("nginx")).args(arguments).output().expect("nginx");
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("[warn]"), "{}", said(&output));
}

#[test]
fn deploy_caddy_understands_the_whole_file_and_finds_it_tidy() {
    let dir = Dir::new();
    let file = dir.write("Caddyfile", &read("deploy/Caddyfile"));
    let validate = ["validate", "--adapter", "caddyfile", "--config", &file];
    let output = caddy(&dir).args(validate).output().expect("caddy");
    assert!(output.status.success(), "{}", said(&output));
    let output = caddy(&dir).args(["fmt", &file]).output().expect("caddy");
    assert_eq!(String::from_utf8_lossy(&output.stdout), read("deploy/Caddyfile"));
}
