//! `vestibule connect` against a real server, through pipes and on a terminal.

use crate::{Dir, Running, SECRET, command, run};
use rustix::{
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
    process::{Child, ChildStdin, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// How long an event may take before the test fails; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(20);
const MINT: [&str; 5] = ["--mint", "--sub", "alice", "--secret-env", "SECRET"];
const ENV: [(&str, &str); 1] = [("SECRET", SECRET)];

/// A server with open rooms, and its address.
fn server(more: &[(&str, &str)]) -> (Running, String) {
    let environment = [
        ("VESTIBULE_LISTEN", "127.0.0.1:0"),
        ("VESTIBULE_WORKERS", "1"),
        ("VESTIBULE_DRAIN_MS", "200"),
        ("VESTIBULE_ISSUER__0__SECRET", SECRET),
        ("VESTIBULE_ROOMS__DEFAULT", "open"),
    ];
    let (server, _) = Running::start(&["serve"], &[&environment[..], more].concat());
    let url = format!("ws://{}/ws", server.addr);
    (server, url)
}

/// Runs `connect` with minted tokens and `input`.
fn connect(url: &str, args: &[&str], input: &str) -> (i32, String, String) {
    run(&[&["connect", url], &MINT[..], args].concat(), &ENV, input)
}

/// A `connect` that goes on, its lines as they come.
struct Chat {
    child: Child,
    stdin: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Chat {
    fn start(url: &str, user: &str, args: &[&str]) -> Self {
        let mint = ["--mint", "--sub", user, "--secret-env", "SECRET"];
        let all = [&["connect", url], &mint[..], args].concat();
        let mut child = command(&all, &ENV).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { stdin: child.stdin.take(), child, out: lines(out), err: lines(err) }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Reads standard error up to a line with `text`.
    fn until(&self, text: &str) -> String {
        loop {
            let line = self.err.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn hears(&self) -> String {
        self.out.recv_timeout(PATIENCE).unwrap()
    }

    /// Ends the input; the exit code.
    fn end(mut self) -> i32 {
        drop(self.stdin.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn lines_of_a_pipe_are_published_in_order_whatever_the_rate() {
    let (_server, url) =
        server(&[("VESTIBULE_LIMITS__BURST", "2"), ("VESTIBULE_LIMITS__MESSAGES_PER_S", "50")]);
    let bob = Chat::start(&url, "bob", &["--room", "lobby", "--stay"]);
    bob.until("in lobby");
    let (code, out, err) = connect(&url, &["--room", "lobby"], "one\n/quit\n\nfour\nfive\nsix");
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("signed in as alice") && !err.contains("eyJ"), "{err}");
    let heard: Vec<String> = (0..6).map(|_| bob.hears()).collect();
    let wanted = ["one", "/quit", "", "four", "five", "six"];
    assert_eq!(heard, wanted.map(|text| format!("[lobby] alice: {text}")));
}

#[test]
fn json_goes_through_as_it_is_and_nothing_reaches_the_terminal_of_others() {
    let (_server, url) = server(&[]);
    let bob = Chat::start(&url, "bob", &["--room", "lobby", "--stay"]);
    bob.until("in lobby");
    let input = "{\"n\": 12345678901234567890}\n\"\\u001b[2Jboo\"\n";
    let (code, _, err) = connect(&url, &["--room", "lobby", "--json"], input);
    assert_eq!(code, 0, "{err}");
    assert_eq!(bob.hears(), "[lobby] alice: {\"n\": 12345678901234567890}");
    assert_eq!(bob.hears(), "[lobby] alice: \\u{1b}[2Jboo");
    let (code, _, err) = connect(&url, &["--room", "lobby", "--json"], "no json\n");
    assert_eq!(code, 1);
    assert!(err.contains("the line is no JSON"), "{err}");
}

#[test]
fn frames_are_shown_without_the_token() {
    let (_server, url) = server(&[]);
    let (code, _, err) = connect(&url, &["--room", "lobby", "--frames"], "hi\n");
    assert_eq!(code, 0, "{err}");
    for frame in [
        "→ {\"type\":\"auth\",\"payload\":\"eyJhbGciOi… (",
        "← {\"type\":\"auth_ok\"",
        "→ {\"type\":\"join\"",
        "← {\"type\":\"joined\"",
        "→ {\"type\":\"message\"",
        "← {\"type\":\"ack\"",
        "→ close 1000",
        "← close 1000",
    ] {
        assert!(err.contains(frame), "{frame} is not in {err}");
    }
    let dots = err.split("eyJ").nth(1).unwrap().split('"').next().unwrap().matches('.').count();
    assert_eq!(dots, 0, "{err}");
    assert!(!err.contains('\x1b'), "{err}");
}

#[test]
fn refusals_of_the_server_end_with_1_and_a_way_out() {
    let (_server, url) = server(&[("VESTIBULE_ROOMS__DEFAULT", "granted")]);
    let dir = Dir::new("refusals");
    let token = |args: &[&str]| {
        let mint = ["token", "mint", "--sub", "alice", "--secret-env", "SECRET"];
        dir.file("token", &run(&[&mint[..], args].concat(), &ENV, "").1)
    };
    let check = |file: &str, args: &[&str], texts: &[&str]| {
        let all = [&["connect", &url, "--token-file", file], args].concat();
        let (code, out, err) = run(&all, &[], "hi\n");
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        for text in texts {
            assert!(err.contains(text), "{text} is not in {err}");
        }
    };
    check(
        &token(&["--exp", "-1m"]),
        &[],
        &["refused the sign-in: 4412 token_expired", "token mint"],
    );
    check(&token(&["--nbf", "+1h"]), &[], &["4413 token_not_yet_valid", "clocks"]);
    check(&dir.file("bad", "a.b.c"), &[], &["4411 token_invalid", "vestibule token check"]);
    let good = token(&[]);
    check(&good, &["--room", "lobby"], &["refused in lobby: forbidden", "`rooms` claim"]);
    check(&good, &[], &["no room to send it to", "--room"]);
    // What the token names is open, and an input that is empty asks nothing more.
    let args = ["--room", "lobby", "--grant", r#"{"lobby": "*"}"#];
    let (code, _, err) = connect(&url, &args, "");
    assert_eq!(code, 0, "{err}");
    let long = "x".repeat(70_000);
    let (code, _, err) = connect(&url, &args, &long);
    assert_eq!(code, 1);
    assert!(err.contains("too long to send, 65536 are allowed"), "{err}");
}

/// A listener that answers every connection with `answer`, whatever it says.
fn impostor(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(stream);
            let mut line = String::new();
            while line != "\r\n" && !answer.is_empty() {
                line.clear();
                if request.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
            }
            let _ = request.get_mut().write_all(answer.as_bytes());
        }
    });
    format!("ws://{addr}/ws")
}

#[test]
fn what_is_no_vestibule_is_recognised() {
    let (server, url) = server(&[]);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("ws://{}/ws", listener.local_addr().unwrap())
    };
    let cases = [
        (closed, 1, "nobody listens at 127.0.0.1"),
        (url.replace("/ws", "/wss"), 1, "HTTP 404 from"),
        (url.replace("/ws", "/wss"), 1, "try ws://127.0.0.1:"),
        (format!("ws://{}", server.addr), 1, "Vestibule's is /ws"),
        (
            impostor("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"),
            1,
            "pass `Upgrade`",
        ),
        (
            impostor("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
            1,
            "the proxy in front",
        ),
        (impostor("SSH-2.0-OpenSSH_9.9\r\n\r\n"), 1, "does not speak WebSocket"),
        (impostor(""), 1, "does not speak WebSocket"),
        ("ws://nowhere.invalid/ws".to_owned(), 1, "nowhere.invalid has no address"),
        ("wss://chat.example/ws".to_owned(), 2, "does not speak TLS yet"),
        ("127.0.0.1:7000".to_owned(), 2, "such as ws://127.0.0.1:7000/ws"),
    ];
    for (url, wanted, text) in cases {
        let (code, out, err) = connect(&url, &["--room", "lobby"], "");
        assert_eq!((code, out.as_str()), (wanted, ""), "{url}: {err}");
        assert!(err.contains(text), "{url}: {err}");
    }
}

#[test]
fn mistakes_of_use_are_told_before_anything_is_sent() {
    let cases: &[(&[&str], &str)] = &[
        (&["connect"], "--token-file, --token-env or --mint"),
        (&["connect", "--token-file", "/not/there"], "cannot read /not/there"),
        (&["connect", "--token-env", "NOT_THERE"], "NOT_THERE is not set"),
        (&["connect", "--mint"], "--sub"),
        (&["connect", "--secret-env", "SECRET"], "give --mint and --sub too"),
        (&["connect", "--token-env", "SECRET", "--room", "a b"], "--room a b: "),
        (&["connect", "--token-env", "SECRET", "--mint", "--sub", "a"], "cannot be used with"),
    ];
    for (args, text) in cases {
        let (code, out, err) = run(args, &ENV, "");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
}

/// Passes bytes to and from a server, until the line is cut.
struct Wire {
    url: String,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(addr: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let open = Arc::new(Mutex::new(Vec::new()));
        let all = open.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&addr) else { return };
                let mut kept = all.lock().unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
                kept.extend([near, far]);
            }
        });
        Self { url, open }
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[test]
fn it_comes_back_and_has_missed_nothing() {
    let (server, url) = server(&[]);
    let wire = Wire::to(server.addr.clone());
    let mut alice = Chat::start(&url, "alice", &["--room", "lobby"]);
    let mut bob = Chat::start(&wire.url, "bob", &["--room", "lobby"]);
    alice.until("in lobby");
    bob.until("in lobby");
    alice.say("before");
    assert_eq!(bob.hears(), "[lobby] alice: before");
    wire.cut();
    bob.until("the line was cut without a word");
    alice.say("meanwhile");
    bob.until("trying again in");
    bob.until("signed in again as bob");
    bob.until("in lobby again, nothing missed");
    assert_eq!(bob.hears(), "[lobby] alice: meanwhile");
    bob.say("back");
    assert_eq!(alice.hears(), "[lobby] bob: back");
    assert_eq!((alice.end(), bob.end()), (0, 0));
}

#[test]
fn a_token_that_ends_and_is_not_renewed_ends_it() {
    let (_server, url) = server(&[("VESTIBULE_ISSUER__0__LEEWAY_MS", "0")]);
    let dir = Dir::new("ends");
    let mint = ["token", "mint", "--sub", "alice", "--secret-env", "SECRET", "--ttl", "2s"];
    let file = dir.file("token", &run(&mint, &ENV, "").1);
    let args = ["connect", &url, "--token-file", &file, "--room", "lobby", "--stay"];
    let mut child = command(&args, &[]).spawn().unwrap();
    let _open = child.stdin.take();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{err}");
    assert!(err.contains("in lobby"), "{err}");
    assert!(err.contains("4412 token_expired"), "{err}");
}

/// A terminal of its own for a program: what is typed into it, what it shows.
fn terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(master), slave.into())
}

/// Types `script` on a terminal, each line after its cue has been shown; everything shown.
fn on_a_terminal(
    args: &[&str],
    environment: &[(&str, &str)],
    script: &[(&str, &str)],
) -> (i32, String) {
    let (mut master, slave) = terminal();
    let stdio = || Stdio::from(slave.try_clone().unwrap());
    let mut command = command(args, &[&ENV[..], &[("TERM", "xterm")], environment].concat());
    command.stdin(stdio()).stdout(stdio()).stderr(stdio());
    let mut child = command.spawn().unwrap();
    drop(command);
    drop(slave);
    let mut shown = String::new();
    let mut bytes = [0; 4096];
    let mut script = script.iter();
    let mut next = script.next();
    let mut seen = 0;
    // Linux reports the end of the other side as an error.
    while let Ok(read @ 1..) = master.read(&mut bytes) {
        shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        while let Some((cue, line)) = next
            && let Some(at) = shown[seen..].find(cue)
        {
            seen += at + cue.len();
            writeln!(master, "{line}").unwrap();
            next = script.next();
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    assert!(next.is_none(), "{next:?} was never typed: {shown}");
    (code, shown)
}

#[test]
fn on_a_terminal_there_are_commands_and_colours() {
    let (_server, url) = server(&[]);
    let args = [&["connect", &url], &MINT[..]].concat();
    let script = [
        ("in no room yet", "hello?"),
        ("no room to send it to", "/join lobby"),
        ("in lobby, message 0", "hello"),
        ("alice\x1b[0m: hello", "//slash"),
        (": /slash", "/room den"),
        ("in den", "/leave"),
        ("left den", "back"),
        (": back", "/dance"),
        ("no command", "/quit"),
    ];
    let (code, shown) = on_a_terminal(&args, &[], &script);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("\x1b[2m[lobby]\x1b[0m \x1b[1malice\x1b[0m: hello"), "{shown}");
    let script = [
        ("in no room yet", "/history"),
        ("not in any room", "/join lobby"),
        ("in lobby, message 3", "/earlier"),
        ("nothing is known to be earlier", "/history 1"),
        ("lobby remembers 3 to 3, and earlier ones", "/earlier"),
        ("lobby remembers 1 to 2, and none earlier", "/earlier"),
        ("nothing is known to be earlier", "/join empty"),
        ("in empty, message 0", "/history"),
        ("empty remembers nothing", "/quit"),
    ];
    let (code, shown) = on_a_terminal(&args, &[], &script);
    assert_eq!(code, 0, "{shown}");
    let (code, shown) = on_a_terminal(&args, &[("NO_COLOR", "1")], &[("in no room yet", "/quit")]);
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains('\x1b'), "{shown}");
}

#[test]
fn on_a_terminal_the_token_is_asked_for() {
    let (_server, url) = server(&[]);
    let (_, token, _) =
        run(&["token", "mint", "--sub", "carol", "--secret-env", "SECRET"], &ENV, "");
    let first = format!(r#"{{"type":"auth","payload":"{}"}}"#, token.trim());
    let args = ["connect", &url, "--room", "lobby"];
    let script =
        [("paste a token", first.as_str()), ("signed in as carol", ""), ("in lobby", "/quit")];
    let (code, shown) = on_a_terminal(&args, &[], &script);
    assert_eq!(code, 0, "{shown}");
}
