//! The program with a directory in its configuration: metrics, log, reload, and what is refused.

use crate::{
    KEY,
    backend::{Backend, Mood},
    whole::{PATIENCE, Program, quiet, token},
};
use std::{io::Read, net::TcpStream, process::Command};
use tokio::task::spawn_blocking;
use vestibule::client::{Client, Options};

/// The program, asking `backend`.
fn serve(backend: &Backend, more: &[(&str, &str)]) -> Program {
    let url = backend.url();
    let mut settings = vec![
        ("VESTIBULE_DIRECTORY__URL", &*url),
        ("VESTIBULE_DIRECTORY__KEY", KEY),
        ("VESTIBULE_DIRECTORY__CACHE_MS", "0"),
        ("VESTIBULE_LOG__LEVEL", "debug"),
        ("VESTIBULE_LOG__FORMAT", "json"),
    ];
    settings.extend_from_slice(more);
    Program::serve(&settings)
}

async fn sign_in(url: &str, user: &str) -> Option<Client> {
    let mut client = Client::connect(url, &Options::default()).await.expect("a connection");
    client.authenticate(&token(user)).await.is_ok().then_some(client)
}

fn metrics(admin: &str) -> String {
    use std::io::Write;
    let mut stream = TcpStream::connect(admin).expect("the admin listener");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                   Authorization: Bearer sixteen-bytes-at-least\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[tokio::test]
async fn the_program_asks_counts_and_says_when_nobody_answers() {
    let backend = Backend::start().await;
    backend.active("ann-the-subject");
    backend.disable("eve-the-subject");
    let admin = [
        ("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0"),
        ("VESTIBULE_ADMIN__KEY", "sixteen-bytes-at-least"),
        ("VESTIBULE_DIRECTORY__RECHECK_MS", "0"),
    ];
    let program = serve(&backend, &admin);
    let ann = sign_in(&program.url, "ann-the-subject").await;
    assert!(ann.is_some() && sign_in(&program.url, "eve-the-subject").await.is_none());
    assert!(sign_in(&program.url, "bob-the-subject").await.is_none());
    backend.mood(Mood::Says("<html>"));
    assert!(sign_in(&program.url, "ann-the-subject").await.is_none());
    backend.mood(Mood::Good);
    assert!(sign_in(&program.url, "ann-the-subject").await.is_some());
    let admin = program.admin.clone().expect("an admin listener");
    let text = spawn_blocking(move || metrics(&admin)).await.expect("no panic");
    for line in [
        "vestibule_directory_lookups_total{answer=\"active\"} 2",
        "vestibule_directory_lookups_total{answer=\"disabled\"} 1",
        "vestibule_directory_lookups_total{answer=\"unknown\"} 1",
        "vestibule_directory_lookups_total{answer=\"failed\"} 1",
        "vestibule_directory_spared_total{by=\"cached\"} 0",
        "vestibule_directory_lookups_running 0",
        "vestibule_directory_rechecks_total{outcome=\"stays\"} 0",
        "vestibule_directory_rechecks_total{outcome=\"revoked\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let (status, log) = program.stop();
    assert!(status.success());
    let log = log.join("\n");
    for said in ["no answer from the directory", "the directory answers again"] {
        assert_eq!(log.matches(said).count(), 1, "{said}\n{log}");
    }
    assert!(!log.contains(KEY) && !log.contains("the-subject"), "{log}");
}

#[test]
fn a_directory_that_cannot_be_is_refused_before_the_server_starts() {
    let refused = |more: &[(&str, &str)]| {
        let mut command: Command = quiet(env!("CARGO_BIN_EXE_vestibule"));
        command.args(["config", "check"]);
        command.env("VESTIBULE_ISSUER__0__SECRET", crate::whole::SECRET);
        command.env("VESTIBULE_ROOMS__DEFAULT", "open").envs(more.iter().copied());
        let output = command.output().expect("the binary");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let url = ("VESTIBULE_DIRECTORY__URL", "https://directory.example/users");
    let said = refused(&[url, ("VESTIBULE_DIRECTORY__CA_FILE", "/no/such/file.pem")]);
    assert!(said.contains("/no/such/file.pem"), "{said}");
    let said = refused(&[("VESTIBULE_DIRECTORY__URL", "http://directory.example/users")]);
    assert!(said.contains("VESTIBULE_DIRECTORY__URL"), "{said}");
}
