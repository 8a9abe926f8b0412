//! Real databases: a PostgreSQL of the test's own on a socket in a folder, and files of SQLite.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// A folder that is gone with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // A socket's path must be short: not below target/.
        let path =
            std::env::temp_dir().join(format!("vestibule-{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server of its own; it ends with this value.
pub(crate) struct Postgres {
    folder: Folder,
    bin: PathBuf,
    server: Option<Child>,
}

/// Who may run it: it refuses root.
const ACCOUNT: &str = "postgres";

impl Postgres {
    /// An empty one that listens.
    pub(crate) fn start() -> Self {
        let folder = Folder::new("pg");
        let mut postgres = Self { folder, bin: bin(), server: None };
        if is_root() {
            let output = Command::new("id").args(["-u", ACCOUNT]).output().expect("id");
            let id = String::from_utf8(output.stdout).expect("text");
            let id = id.trim().parse().expect("Debian's package makes this account");
            chown(&postgres.folder.0, Some(id), None).expect("its owner");
        }
        fs::set_permissions(&postgres.folder.0, fs::Permissions::from_mode(0o700))
            .expect("private");
        let data = postgres.data();
        let mut init = postgres.program("initdb");
        init.args(["--auth=trust", "--username=vestibule", "--encoding=UTF8", "--no-sync"]);
        run(init.arg("-D").arg(data));
        postgres.serve();
        postgres
    }

    fn data(&self) -> PathBuf {
        self.folder.0.join("data")
    }

    /// Listens, and is ready to answer.
    pub(crate) fn serve(&mut self) {
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).arg("-k").arg(&self.folder.0);
        server.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        let log = fs::File::create(self.folder.0.join("log")).expect("a log");
        self.server = Some(server.stderr(log).stdout(Stdio::null()).spawn().expect("postgres"));
        while !self.is_ready() {
            let gone = self.server.as_mut().map(|server| server.try_wait());
            assert!(matches!(gone, Some(Ok(None))), "postgres ended: {}", self.log());
            std::thread::yield_now();
        }
    }

    fn is_ready(&self) -> bool {
        let mut ready = self.program("pg_isready");
        ready.arg("-h").arg(&self.folder.0).args(["-q", "-U", "vestibule", "-d", "postgres"]);
        ready.status().is_ok_and(|status| status.success())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }

    /// Ends it at once: whoever is connected is hung up on.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--silent", "-m", "immediate", "-D"]).arg(self.data());
        run(&mut stop);
        server.wait().expect("an end");
    }

    /// Where it is.
    pub(crate) fn dsn(&self) -> String {
        let socket = self.folder.0.to_str().expect("text").replace('/', "%2F");
        format!("postgres://vestibule@{socket}/postgres")
    }

    /// Its folder, where the socket stands.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Carries SQL out.
    pub(crate) fn execute(&self, sql: &str) {
        let mut psql = self.program("psql");
        psql.arg("-h").arg(&self.folder.0).args(["-q", "-X", "-U", "vestibule", "-d", "postgres"]);
        run(psql.args(["-v", "ON_ERROR_STOP=1", "-c", sql]));
    }

    fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"]).arg(program);
        // Not a folder that it may not enter.
        command.current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.stop();
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Debian keeps the programs of each version apart.
fn bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut bins: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    bins.retain(|bin| bin.join("initdb").exists());
    bins.sort();
    bins.pop().expect("PostgreSQL is missing: run ./check tools, or apt-get install postgresql")
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|why: io::Error| {
        panic!("{command:?}: {why}");
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
