//! The admin listener of a server that serves: what it counts, while it drains too, and what the
//! log says of refusals (`tests/cli/` looks at that).

use crate::support::{Host, peer::token_message, soon, token};
use std::{env, fs, path::PathBuf, process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use vestibule::{config::AdminConfig, server::Settings};

struct Socket(PathBuf);

impl Socket {
    fn new(name: &str, workers: usize) -> Self {
        let name = format!("vestibule-{name}-{workers}-{}.sock", process::id());
        Self(env::temp_dir().join(name))
    }

    fn listen(&self, settings: &mut Settings) {
        settings.admin = Some(AdminConfig::Unix { path: self.0.clone(), key: None });
    }

    async fn scrape(&self) -> String {
        let mut stream = UnixStream::connect(&self.0).await.expect("the admin listener");
        let request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        soon("the metrics", stream.read_to_string(&mut answer)).await.expect("text");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }

    /// Scrapes until there is this line.
    async fn until(&self, line: &str) {
        let wanted = format!("\n{line}\n");
        soon(line, async { while !self.scrape().await.contains(&wanted) {} }).await;
    }
}

#[tokio::test]
async fn refused_peers_that_do_not_go_leave_the_vestibule_by_themselves() {
    for workers in crate::WORKERS {
        let socket = Socket::new("stubborn", workers);
        let host = Host::start(workers, |settings| socket.listen(settings));
        let mut stubborn = Vec::new();
        for _ in 0..20 {
            let mut peer = host.peer().await;
            peer.say(token_message("not.a.token")).await;
            // It hears why, and neither closes nor hangs up.
            peer.expect("error").await;
            stubborn.push(peer);
        }
        for line in
            ["vestibule_gate_sockets{for=\"verdict\"} 0", "vestibule_gate_sockets{for=\"end\"} 0"]
        {
            socket.until(line).await;
        }
        for state in ["unauthenticated", "closing"] {
            socket.until(&format!("vestibule_connections{{state=\"{state}\"}} 0")).await;
        }
        drop(stubborn);
        host.stop().await;
    }
}

#[tokio::test]
async fn what_happens_is_counted_over_all_workers() {
    for workers in crate::WORKERS {
        let socket = Socket::new("counted", workers);
        let host = Host::start(workers, |settings| socket.listen(settings));
        let mut members = Vec::new();
        for user in ["ann", "bob", "cid"] {
            members.push(host.member(user, "den").await);
        }
        let mut stranger = host.peer().await;
        stranger.say(token_message("no.token.here")).await;
        stranger.closed(4411, "token_invalid", "refresh").await;
        let text = socket.scrape().await;
        for line in [
            "vestibule_connections{state=\"authenticated\"} 3",
            "vestibule_connections{state=\"handshake\"} 0",
            "vestibule_connections{state=\"unauthenticated\"} 0",
            "vestibule_handshakes_total{outcome=\"upgraded\"} 4",
            "vestibule_verdicts_total{verdict=\"auth_ok\"} 3",
            "vestibule_verdicts_total{verdict=\"token_invalid\"} 1",
            "vestibule_credentials_rejected_total{rule=\"form\"} 1",
            "vestibule_time_to_verdict_seconds_count{outcome=\"accepted\"} 3",
            "vestibule_members 3",
            "vestibule_users 3",
            "vestibule_rooms{state=\"occupied\"} 1",
            "vestibule_tokens_with_keys_total 0",
            "vestibule_ready 1",
            "vestibule_draining 0",
            &format!("vestibule_workers {workers}"),
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is missing in\n{text}");
        }
        drop((members, stranger));
        socket.until("vestibule_connections{state=\"authenticated\"} 0").await;
        socket.until("vestibule_connections{state=\"closing\"} 0").await;
        socket.until("vestibule_members 0").await;
        host.stop().await;
        assert!(!socket.0.exists(), "the socket goes with the server");
    }
}

#[tokio::test]
async fn it_answers_while_the_server_drains() {
    for workers in crate::WORKERS {
        let socket = Socket::new("drains", workers);
        let host = Host::start(workers, |settings| {
            settings.drain_ms = 2_000;
            socket.listen(settings);
        });
        let peer = host.enter("ann").await;
        let running = host.shut_down();
        socket.until("vestibule_draining 1").await;
        socket.until("vestibule_ready 0").await;
        drop(peer);
        soon("the end of the server", running).await.expect("no panic").expect("no failure");
    }
}

#[tokio::test]
async fn a_place_that_is_taken_is_told_at_the_start() {
    let socket = Socket::new("taken", 1);
    let host = Host::start(1, |settings| socket.listen(settings));
    let mut settings = Settings::new(std::sync::Arc::new(token::verifier()));
    socket.listen(&mut settings);
    let refused = vestibule::server::Server::bind(settings).expect_err("it is taken").to_string();
    assert!(refused.contains("(admin): ") && refused.contains("another server"), "{refused}");
    host.stop().await;
    fs::write(&socket.0, "a file").expect("a folder for it");
    let mut settings = Settings::new(std::sync::Arc::new(token::verifier()));
    socket.listen(&mut settings);
    assert!(vestibule::server::Server::bind(settings).is_err(), "it is somebody's");
    fs::remove_file(&socket.0).expect("it was left alone");
}
