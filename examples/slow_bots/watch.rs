//! Whom the server closes, and when, as its metrics tell.

use std::{collections::BTreeMap, io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// How often the metrics are read.
const EVERY: Duration = Duration::from_secs(1);
/// How long the server may take to tell them.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const ANSWER: u64 = 1024 * 1024;
/// The metric, and the ends that are not the server's doing.
const CLOSES: &str = "vestibule_closes_total{code=\"";
const NOT_ITS_OWN: [&str; 2] = ["client", "lost"];

/// A connection that the server closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The name of the close code.
    pub(crate) code: String,
    /// From the beginning of the watch, within [`EVERY`].
    pub(crate) after_s: u64,
}

/// Watches until the run is over.
pub(crate) async fn watch(
    admin: String,
    key: String,
    mut over: watch::Receiver<bool>,
) -> Vec<Closed> {
    let began = Instant::now();
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut known, mut closed) = (BTreeMap::new(), Vec::new());
    let mut last_look = false;
    while !last_look {
        tokio::select! {
            biased;
            // Once more after the end: who was closed just before it counts as well.
            _ = over.wait_for(|over| *over) => last_look = true,
            _ = tick.tick() => {}
        }
        let Ok(Ok(text)) = timeout(PATIENCE, scrape(&admin, &key)).await else { continue };
        for (code, count) in closes(&text) {
            let before = known.insert(code.clone(), count).unwrap_or_default();
            let after_s = began.elapsed().as_secs();
            closed.extend((before..count).map(|_| Closed { code: code.clone(), after_s }));
        }
    }
    closed
}

async fn scrape(admin: &str, key: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {key}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(ANSWER).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// How many connections the server has closed, by the name of the code.
fn closes(metrics: &str) -> impl Iterator<Item = (String, u64)> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(CLOSES)?.split_once("\"} "));
    lines
        .filter(|(code, _)| !NOT_ITS_OWN.contains(code))
        .filter_map(|(code, count)| Some((code.to_owned(), count.trim().parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_of_the_server_are_read() {
        let metrics = "# TYPE vestibule_closes_total counter\n\
            vestibule_closes_total{code=\"client\"} 7\n\
            vestibule_closes_total{code=\"slow_consumer\"} 2\n";
        assert_eq!(closes(metrics).collect::<Vec<_>>(), [("slow_consumer".to_owned(), 2)]);
    }
}
