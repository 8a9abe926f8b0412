//! The page of README.md, its script run by Node with as much of a browser as it uses.

use super::{Running, Visitor, block, installed, once, quiet};
use crate::support::{PATIENCE, line};
use std::io::Write;
use tokio::{net::TcpStream, time::timeout};
use vestibule::client::{Client, Options, Received};

/// What a browser gives the script: the list prints its lines, each line of standard input is
/// typed into the form.
const BROWSER: &str = r#"
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
const origin = process.argv[2];
const load = globalThis.fetch;
Object.assign(globalThis, {
  WebSocket,
  fetch: (path, options) => load(new URL(path, origin), options),
  document: { createElement: () => ({}) },
  log: { append: ({ textContent }) => console.log(textContent) },
  form: { text: { value: "" }, reset() {} },
});
const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  form.text.value = line;
  form.onsubmit({ preventDefault() {} });
});
process.stdin.unref();
"#;

type Backend = fn(&Visitor) -> (Running, String);

/// Opens the page that `address` serves: its script is the one of README.md.
async fn open(visitor: &Visitor, address: &str, url: &str) -> Running {
    let page = once(&block("html", "chat-token"), "ws://127.0.0.1:7000/ws", url);
    visitor.write("static/chat.html", &page);
    assert_eq!(get(address, "/static/chat.html").await, page);
    let (_, script) = page.split_once("<script type=\"module\">").expect("a script");
    let (script, _) = script.split_once("</script>").expect("its end");
    // Node looks for modules beside the file.
    let modules = installed("examples/node_modules");
    let _there_already = std::os::unix::fs::symlink(modules, format!("{}/node_modules", visitor.0));
    visitor.write("browser.mjs", BROWSER);
    visitor.write("page.mjs", &format!("import \"./browser.mjs\";\n{script}"));
    let mut node = quiet("node");
    node.current_dir(&visitor.0).args(["page.mjs", address]);
    Running::start(node)
}

/// The body of a page.
async fn get(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).await.expect("the backend");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end").expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{head}");
    body.to_owned()
}

/// Waits on the page's output with its thread: the line needs another one.
pub(crate) async fn chats_and_comes_back(backend: Backend) {
    let visitor = Visitor::new();
    let server = visitor.serve();
    let (_backend, address) = backend(&visitor);
    let (url, cut) = line(server.addr.clone()).await;
    let mut page = open(&visitor, &address, &url).await;
    let token = visitor.run("vestibule token mint --config vestibule.toml --sub bob");
    let mut bob = Client::connect(&server.url, &Options::default()).await.expect("a server");
    bob.authenticate(token.trim_end()).await.expect("a good token");
    bob.join("lobby", None).await.expect("an open room");

    assert_eq!(page.says(), "signed in as alice");
    page.types("hello");
    assert_eq!(page.says(), "alice: hello");
    loop {
        let received = timeout(PATIENCE, bob.next()).await.expect("a message").expect("a line");
        if let Received::Message(message) = received {
            assert_eq!(message.payload.get(), "\"hello\"");
            break;
        }
    }
    cut.send(()).await.expect("a line");
    bob.publish("lobby", "while you were away").await.expect("a publish");
    let said = [page.says(), page.says()];
    // The message may just have got through before the cut.
    assert!(said.contains(&"bob: while you were away".to_owned()), "{said:?}");
    assert!(said.contains(&"signed in as alice".to_owned()), "{said:?}");
    page.types("back");
    assert_eq!(page.says(), "alice: back");
}

pub(crate) async fn says_why_it_gives_up(backend: Backend) {
    let visitor = Visitor::new();
    let server = visitor.serve();
    // The backend signs with another secret than the server knows.
    visitor.write("secret", "another secret another secret another secret\n");
    let (_backend, address) = backend(&visitor);
    let mut page = open(&visitor, &address, &server.url).await;
    let said: Vec<String> = [page.says(), page.says()].into();
    assert!(said[0].contains("token") && said[0] == said[1], "{said:?}");
    // It waits for nothing more: Node ends.
    drop(page.child.stdin.take());
    assert!(page.child.wait().expect("an end").success());
    assert!(page.said.iter().next().is_none(), "nothing more is said");
}

impl Running {
    fn types(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{text}").expect("a page that listens");
    }
}
