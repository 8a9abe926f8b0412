//! A line between a client and its server that a test can cut.

use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// A line to `addr`, as a URL, and what cuts it; it needs a thread that nobody blocks.
pub(crate) async fn line(addr: String) -> (String, mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("an address"));
    let (cut, mut cuts) = mpsc::channel::<()>(1);
    tokio::spawn(async move {
        loop {
            let (mut here, _) = listener.accept().await.expect("a connection");
            let mut there = TcpStream::connect(&addr).await.expect("the server");
            tokio::select! {
                _ = cuts.recv() => {}
                _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
            }
        }
    });
    (url, cut)
}
