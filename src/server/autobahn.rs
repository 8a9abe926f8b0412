//! The RFC 6455 cases of the Autobahn suite, run against an echo on this very transport.
//!
//! `kosoku` drives the cases; `./check` installs it into `target/venv`. What does not pass stands
//! in `tests/autobahn-exceptions.toml` with its reason, and nothing else may stand there.

use super::http::{Reception, Site, receive};
use crate::{
    connection::{
        Flush, Stream,
        inbound::{Incoming, Policy},
        transport::{Kit, READ_BYTES, Read, Transport},
    },
    outbox::Frame,
    protocol::{close_code::CloseCode, time::Time},
    session::TransportFault,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env, fs,
    future::poll_fn,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

/// The groups of cases that apply; 12 and 13 are compression, which is never offered.
const GROUPS: [&str; 9] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"];
/// The largest message of group 9, and room for its headers.
const CASE_BYTES: u32 = 16 * 1024 * 1024 + 1_024 * 1_024;

#[derive(Debug, Deserialize)]
struct Exceptions {
    case: BTreeMap<String, Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    behavior: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    behavior_close: String,
}

#[test]
fn autobahn_cases_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kosoku = kosoku(root);
    let reports = root.join("target/autobahn");
    let _ = fs::remove_dir_all(&reports);
    let addr = echo_server();
    let mut command = Command::new(&kosoku);
    command.arg("--outdir").arg(&reports).arg("--parallelism").arg("4");
    for group in GROUPS {
        command.args(["--include", group]);
    }
    let status = command.arg(addr.to_string()).status();
    let status = status.unwrap_or_else(|error| panic!("{}: {error}", kosoku.display()));
    assert!(status.success(), "kosoku ended with {status}");
    compare(&outcomes(&reports), &exceptions(root));
}

fn kosoku(root: &Path) -> PathBuf {
    env::var_os("KOSOKU").map_or_else(|| root.join("target/venv/bin/kosoku"), PathBuf::from)
}

fn exceptions(root: &Path) -> BTreeMap<String, Exception> {
    let path = root.join("tests/autobahn-exceptions.toml");
    let text = fs::read_to_string(&path).expect("the list of exceptions");
    toml::from_str::<Exceptions>(&text).expect("a valid list of exceptions").case
}

fn outcomes(reports: &Path) -> BTreeMap<String, Outcome> {
    let text = fs::read_to_string(reports.join("index.json")).expect("kosoku's report");
    let agents: BTreeMap<String, BTreeMap<String, Outcome>> =
        serde_json::from_str(&text).expect("a report in Autobahn's layout");
    agents.into_values().next().expect("one agent")
}

fn compare(outcomes: &BTreeMap<String, Outcome>, exceptions: &BTreeMap<String, Exception>) {
    let mut wrong = Vec::new();
    for (case, outcome) in outcomes {
        let clean = outcome.behavior == "OK" && outcome.behavior_close == "OK";
        match exceptions.get(case) {
            None if clean => {}
            None => wrong.push(format!("{case}: {outcome:?} and not listed")),
            Some(_) if clean => wrong.push(format!("{case}: passes, take it off the list")),
            Some(known) if known.behavior == outcome.behavior && !known.reason.is_empty() => {}
            Some(known) => wrong.push(format!("{case}: {outcome:?}, listed as {known:?}")),
        }
    }
    for case in exceptions.keys().filter(|case| !outcomes.contains_key(*case)) {
        wrong.push(format!("{case}: listed, but was not run"));
    }
    println!("{} Autobahn cases, {} listed exceptions", outcomes.len(), exceptions.len());
    assert!(outcomes.len() >= 300, "only {} cases were run", outcomes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Starts an echo on a port of the system's choice; it ends with the test process.
fn echo_server() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a nonblocking listener");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let local = tokio::task::LocalSet::new();
                local.spawn_local(echo(stream));
                local.await;
            }
        });
    });
    addr
}

async fn echo(mut stream: TcpStream) {
    let site = Site::new(Vec::new());
    let mut head = Vec::new();
    let upgrade = loop {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
        // The suite asks for `/`.
        let request = String::from_utf8_lossy(&head).replacen("GET / ", "GET /ws ", 1);
        match receive(request.as_bytes(), &site, std::net::Ipv4Addr::LOCALHOST.into()) {
            Reception::NeedMore => {}
            Reception::Upgrade(upgrade) => break upgrade,
            Reception::Refuse { .. } | Reception::Plain => return,
        }
    };
    if stream.write_all(&upgrade.accepted.response).await.is_err() {
        return;
    }
    let policy = Policy {
        first: None,
        message_bytes: CASE_BYTES,
        transport_bytes: CASE_BYTES,
        fragments: u32::MAX,
        binary: true,
    };
    let stream = Stream::Tcp(stream);
    let mut transport = Transport::new(stream, Arc::new(policy), u32::MAX, Vec::new());
    let mut kit = Kit::default();
    poll_fn(|cx| poll_echo(&mut transport, &mut kit, cx)).await;
}

fn poll_echo(transport: &mut Transport, kit: &mut Kit, cx: &mut Context<'_>) -> Poll<()> {
    let now = Time::default();
    while transport.is_open() {
        let mut scratch = [0; READ_BYTES];
        match transport.poll_fill(cx, &mut scratch, now) {
            Poll::Pending => break,
            Poll::Ready(Read::Ended) => transport.abandon(),
            Poll::Ready(Read::Bytes(n)) => {
                let mut input = &scratch[..n];
                while let Some(incoming) = transport.next(&mut kit.contexts, &mut input) {
                    answer(transport, &incoming, now);
                }
            }
        }
        if transport.poll_flush(cx) == Poll::Ready(Flush::Broken) {
            transport.abandon();
        }
    }
    if !transport.is_open() && !transport.is_over() {
        transport.poll_close(cx, &mut kit.scratch);
    } else {
        let _ = transport.poll_flush(cx);
    }
    if transport.is_over() { Poll::Ready(()) } else { Poll::Pending }
}

fn answer(transport: &mut Transport, incoming: &Incoming, now: Time) {
    let pushed = match incoming {
        Incoming::Text(text) => transport.push(Frame::from_json(text.as_bytes())),
        Incoming::Binary(payload) => transport.push(Frame::binary(payload)),
        Incoming::Ping(payload) => transport.push(Frame::pong(payload)),
        Incoming::Pong(_) => Ok(()),
        Incoming::Close(code) => {
            transport.close(Frame::close(*code, ""), now, false);
            Ok(())
        }
        Incoming::TooBig => {
            fail(transport, CloseCode::TooBig, now);
            Ok(())
        }
        Incoming::Fault(fault) => {
            let code = match fault {
                TransportFault::Protocol => CloseCode::Protocol,
                TransportFault::Binary => CloseCode::Binary,
                TransportFault::Utf8 => CloseCode::Utf8,
                TransportFault::TooBig => CloseCode::TooBig,
            };
            fail(transport, code, now);
            Ok(())
        }
    };
    assert!(pushed.is_ok(), "the outbox of an echo has no limit");
}

fn fail(transport: &mut Transport, code: CloseCode, now: Time) {
    transport.close(Frame::close(Some(code.code()), code.name()), now, false);
}
