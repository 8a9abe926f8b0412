//! Files that are watched, with time at the tests' command; upkeeps that come and go.

use super::*;
use crate::token::{SigningKey, header::Header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    fs, io,
    path::Path,
    process,
    sync::atomic::{AtomicU64, AtomicUsize},
};
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

const NOW: Wall = Wall::from_ms(1_792_000_000_000);
const MINUTE_MS: u64 = 60_000;

/// A folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("vestibule-keys-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("keys.json")
    }

    fn write(&self, names: &[&str]) {
        fs::write(self.path(), set(names)).expect("written");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The shared secret behind a `kid`.
fn secret(name: &str) -> String {
    format!("the secret of {name:-<40}")
}

fn set(names: &[&str]) -> String {
    let key = |name: &&str| json!({"kty": "oct", "alg": "HS256", "kid": name, "k": URL_SAFE_NO_PAD.encode(secret(name))});
    json!({"keys": names.iter().map(key).collect::<Vec<Value>>()}).to_string()
}

/// A server that counts what it is told.
#[derive(Default)]
struct Town {
    ready: AtomicUsize,
    removed: Mutex<Vec<Signer>>,
}

impl House for Town {
    fn ready(&self) {
        self.ready.fetch_add(1, Ordering::SeqCst);
    }

    fn key_removed(&self, signer: Signer) {
        self.removed.lock().push(signer);
    }
}

fn source(path: &Path) -> KeySource {
    KeySource::new(SourceSettings::new("app", Location::File(path.to_owned())))
}

fn start(source: &KeySource) -> (Arc<Town>, JoinHandle<()>) {
    let town = Arc::new(Town::default());
    let upkeep = source.upkeep(Arc::clone(&town) as Arc<_>);
    (town, tokio::spawn(upkeep))
}

/// Lets `count` more looks end.
async fn looks(source: &KeySource, count: u64) {
    let mut landed = source.shared.landed.subscribe();
    let target = *landed.borrow() + count;
    landed.wait_for(|it| *it >= target).await.expect("the source is there");
}

/// What the source says of a token with this `kid`, signed with its secret.
fn check(source: &KeySource, name: &str) -> Result<Signer, Rejection> {
    let signing = SigningKey::from_secret(secret(name).as_bytes(), None).expect("long enough");
    let head = json!({"alg": "HS256", "kid": name}).to_string();
    let token = signing.sign_with_header(&head, "{}").expect("signed");
    let compact = Compact::parse(&token, 8_192).expect("compact");
    source.check(&Header::parse(compact.header()).expect("a header"), &compact, NOW)
}

/// The same, and asks the source if that may help.
async fn ask(source: &KeySource, name: &str) -> Result<Signer, Rejection> {
    let refusal = match check(source, name) {
        Err(Rejection::Key(refusal)) => refusal,
        checked => return checked,
    };
    match source.consult(refusal, Some(name)) {
        Consultation::Settled(why) => Err(why.into()),
        Consultation::Asked(answer) => {
            answer.await;
            check(source, name)
        }
    }
}

const UNKNOWN: Result<Signer, Rejection> = Err(Rejection::Key(KeyRefusal::Unknown));
const UNSETTLED: Result<Signer, Rejection> = Err(Rejection::Key(KeyRefusal::Unsettled));
const DOWN: Result<Signer, Rejection> = Err(Rejection::Key(KeyRefusal::SourceDown));

#[tokio::test(start_paused = true)]
async fn a_file_may_come_later() {
    let folder = Folder::new();
    let source = source(&folder.path());
    assert_eq!(check(&source, "a"), DOWN);
    let (town, _upkeep) = start(&source);
    assert_eq!(ask(&source, "a").await, DOWN);
    assert_eq!(town.ready.load(Ordering::SeqCst), 0);
    folder.write(&["a"]);
    looks(&source, 1).await;
    check(&source, "a").expect("the key of the file");
    folder.write(&["a", "b"]);
    looks(&source, 2).await;
    assert_eq!(town.ready.load(Ordering::SeqCst), 1, "it is said once");
    assert_ne!(check(&source, "a"), check(&source, "b"));
}

#[tokio::test(start_paused = true)]
async fn it_tells_what_its_looks_brought() {
    let folder = Folder::new();
    let source = source(&folder.path());
    let figures = || source.figures().expect("a source");
    assert_eq!(figures(), SourceFigures { down: 1, ..SourceFigures::default() });
    let (_, _upkeep) = start(&source);
    looks(&source, 1).await;
    let failed = figures();
    assert!(failed.failed_looks > 0 && failed.down == 1 && failed.age_ms.is_none(), "{failed:?}");
    folder.write(&["a", "b"]);
    looks(&source, 1).await;
    let good = figures();
    assert_eq!((good.usable, good.down, good.keys, good.good_looks), (1, 0, 2, 1));
    assert_eq!(good.age_ms, Some(0));
    fs::remove_file(folder.path()).expect("it was there");
    looks(&source, 1).await;
    let kept = figures();
    assert_eq!((kept.usable, kept.keys, kept.good_looks), (1, 2, 1), "the old keys count");
    assert_eq!(kept.failed_looks, failed.failed_looks + 1);
    assert!(kept.age_ms > Some(0), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_come_and_go_with_the_file() {
    let folder = Folder::new();
    folder.write(&["old"]);
    let source = source(&folder.path());
    let (_, _upkeep) = start(&source);
    looks(&source, 1).await;
    let old = check(&source, "old").expect("it is there");
    folder.write(&["old", "new"]);
    looks(&source, 1).await;
    let new = check(&source, "new").expect("it came");
    assert_eq!(check(&source, "old"), Ok(old), "the same key, the same signer");
    folder.write(&["new"]);
    looks(&source, 1).await;
    assert_eq!(ask(&source, "old").await, UNKNOWN);
    assert_eq!(check(&source, "new"), Ok(new));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_makes_it_look_at_once() {
    let folder = Folder::new();
    folder.write(&["a"]);
    let source = source(&folder.path());
    let (_, _upkeep) = start(&source);
    looks(&source, 1).await;
    folder.write(&["a", "b"]);
    let began = Instant::now();
    ask(&source, "b").await.expect("it was found by the question");
    assert_eq!(began.elapsed(), Duration::ZERO, "no wait for the next look");
    assert_eq!(ask(&source, "c").await, UNSETTLED, "cool-down");
    looks(&source, 1).await;
    assert_eq!(check(&source, "c"), UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_replaced_is_followed() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    // As a mounted volume does it: the name is a link through a folder that is swapped.
    for (version, name) in [("v1", "a"), ("v2", "b")] {
        fs::create_dir(folder.0.join(version)).expect("a folder");
        fs::write(folder.0.join(version).join("keys.json"), set(&[name])).expect("written");
    }
    symlink("v1", folder.0.join("data")).expect("a link");
    symlink("data/keys.json", folder.path()).expect("a link");
    let source = source(&folder.path());
    let (_, _upkeep) = start(&source);
    looks(&source, 1).await;
    check(&source, "a").expect("through two links");
    symlink("v2", folder.0.join("data2")).expect("a link");
    fs::rename(folder.0.join("data2"), folder.0.join("data")).expect("swapped");
    looks(&source, 1).await;
    check(&source, "b").expect("the new version");
    assert_eq!(ask(&source, "a").await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_keeps_the_old_keys() {
    let folder = Folder::new();
    folder.write(&["a"]);
    let source = source(&folder.path());
    let (_, _upkeep) = start(&source);
    looks(&source, 1).await;
    let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    let half: String = set(&["a", "b"]).chars().take(100).collect();
    for text in ["", "{}", r#"{"keys":[]}"#, &half, "\u{feff}{}", &long] {
        fs::write(folder.path(), text).expect("written");
        looks(&source, 1).await;
        check(&source, "a").expect(text);
        assert_eq!(ask(&source, "b").await, UNSETTLED, "a bad file is no answer");
    }
    fs::write(folder.path(), b"\xff\xfe").expect("written");
    looks(&source, 1).await;
    fs::remove_file(folder.path()).expect("removed");
    looks(&source, 1_000).await;
    check(&source, "a").expect("however long");
    folder.write(&["b"]);
    looks(&source, 1).await;
    check(&source, "b").expect("the repaired file");
}

#[tokio::test(start_paused = true)]
async fn only_a_regular_file_is_read() {
    let folder = Folder::new();
    for path in [folder.0.clone(), PathBuf::from("/dev/zero"), PathBuf::from("/dev/tty")] {
        let source = source(&path);
        match source.look().await {
            Err(SourceFault::File(why)) => assert!(!why.is_empty()),
            other => panic!("{path:?}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_look_does_for_a_program_that_ends() {
    let folder = Folder::new();
    let source = source(&folder.path());
    let fault = source.look().await.expect_err("no file");
    assert!(fault.to_string().contains("cannot be read"), "{fault}");
    folder.write(&["a"]);
    source.look().await.expect("a set");
    check(&source, "a").expect("its key");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_ends_its_sessions_where_that_is_wanted() {
    for end_sessions in [false, true] {
        let folder = Folder::new();
        folder.write(&["old", "new"]);
        let location = Location::File(folder.path());
        let source =
            KeySource::new(SourceSettings { end_sessions, ..SourceSettings::new("app", location) });
        let (town, _upkeep) = start(&source);
        looks(&source, 1).await;
        let old = check(&source, "old").expect("it is there");
        folder.write(&["new"]);
        looks(&source, 1).await;
        assert_eq!(ask(&source, "old").await, UNKNOWN, "nobody new is let in");
        tokio::time::advance(Duration::from_millis(9 * MINUTE_MS)).await;
        looks(&source, 2).await;
        assert!(town.removed.lock().is_empty(), "not yet");
        tokio::time::advance(Duration::from_millis(MINUTE_MS)).await;
        looks(&source, 2).await;
        assert_eq!(*town.removed.lock(), if end_sessions { vec![old] } else { vec![] });
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_be_gone_does_not_hurry_a_source_that_fails() {
    let folder = Folder::new();
    folder.write(&["old", "new"]);
    let location = Location::File(folder.path());
    let settings = SourceSettings::new("app", location);
    let source = KeySource::new(SourceSettings { end_sessions: true, ..settings });
    let (town, _upkeep) = start(&source);
    looks(&source, 1).await;
    let old = check(&source, "old").expect("it is there");
    folder.write(&["new"]);
    looks(&source, 1).await;
    fs::remove_file(folder.path()).expect("removed");
    tokio::time::advance(Duration::from_millis(10 * MINUTE_MS)).await;
    looks(&source, 1).await;
    let began = Instant::now();
    looks(&source, 4).await;
    assert!(began.elapsed() >= Duration::from_secs(6), "{:?}", began.elapsed());
    assert!(town.removed.lock().is_empty(), "who does not answer says nothing of keys");
    folder.write(&["new"]);
    looks(&source, 1).await;
    assert_eq!(*town.removed.lock(), [old]);
}

#[tokio::test(start_paused = true)]
async fn servers_share_a_source() {
    let folder = Folder::new();
    folder.write(&["a"]);
    let source = source(&folder.path());
    let (first, upkeep) = start(&source);
    let (second, _upkeep) = start(&source);
    looks(&source, 1).await;
    tokio::task::yield_now().await;
    let (third, _upkeep) = start(&source);
    looks(&source, 1).await;
    for town in [&first, &second, &third] {
        assert_eq!(town.ready.load(Ordering::SeqCst), 1);
    }
    upkeep.abort();
    folder.write(&["b"]);
    looks(&source, 2).await;
    check(&source, "b").expect("the next one took over");
    assert_eq!(source.shared.houses.lock().len(), 2, "who left is not told any more");
}

#[tokio::test(start_paused = true)]
async fn an_upkeep_that_ends_lets_nobody_wait() {
    let folder = Folder::new();
    let source = source(&folder.path());
    let (_, upkeep) = start(&source);
    // Nothing has run yet: the token waits for a flight that the upkeep begins, and drops.
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { ask(&source, "a").await }
    });
    tokio::task::yield_now().await;
    upkeep.abort();
    assert_eq!(waiting.await.expect("no panic"), DOWN);
    // And one that never runs costs a bounded time.
    let began = Instant::now();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(ask(&source, "a").await, DOWN);
    assert!(began.elapsed() <= Duration::from_secs(17), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_counted() {
    let folder = Folder::new();
    let source = source(&folder.path());
    let wait = |name: &str| source.consult(KeyRefusal::SourceDown, Some(name));
    let mut waiting: Vec<_> = (0..ASKERS).map(|number| wait(&number.to_string())).collect();
    assert!(waiting.iter().all(|it| matches!(it, Consultation::Asked(_))));
    assert!(matches!(wait("one more"), Consultation::Settled(KeyRefusal::SourceDown)));
    waiting.pop();
    assert!(matches!(wait("the next"), Consultation::Asked(_)));
    drop(waiting);
    assert_eq!(source.shared.askers.load(Ordering::Relaxed), 0);
}

/// Where the log goes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// What was said since the last time.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock());
        String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_has_a_line_for_each_change() {
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(lines.clone());
    // With a second one alive, what other tests log first does not decide what is logged here.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(log.finish());
    let folder = Folder::new();
    let location = Location::File(folder.path());
    let bounds = Bounds { stale_ms: 60_000, ..Bounds::FILE };
    let source = KeySource::new(SourceSettings { bounds, ..SourceSettings::new("app", location) });
    let (_, _upkeep) = start(&source);
    let said = |count: usize, words: &[&str]| {
        let lines = lines.take();
        assert_eq!(lines.len(), count, "{lines:?}");
        for word in words {
            assert!(lines.iter().any(|line| line.contains(word)), "{word}: {lines:?}");
        }
        assert!(lines.iter().all(|line| line.contains("keys.json") && line.contains("app")));
        let secret = secret("a");
        let key: String = URL_SAFE_NO_PAD.encode(&secret).chars().take(12).collect();
        assert!(lines.iter().all(|line| !line.contains(&key) && !line.contains(&secret)));
    };
    looks(&source, 5).await;
    said(1, &["ERROR", "cannot be read", "1011"]);
    let both = json!({"keys": [
        {"kty": "oct", "alg": "HS256", "kid": "a", "k": URL_SAFE_NO_PAD.encode(secret("a"))},
        {"kty": "oct", "kid": "b", "k": "AAAA"},
    ]});
    fs::write(folder.path(), both.to_string()).expect("written");
    looks(&source, 5).await;
    said(2, &["answers again", "keys=1", "left_out=1", "\"b\""]);
    fs::write(folder.path(), "{").expect("written");
    looks(&source, 5).await;
    said(1, &["WARN", "not strict JSON", "usable_ms="]);
    looks(&source, 40).await;
    said(1, &["ERROR", "count no longer"]);
    folder.write(&["a"]);
    looks(&source, 5).await;
    said(2, &["failing_ms=", "keys=1"]);
}

#[test]
fn a_source_prints_no_keys_and_marks_are_its_own() {
    let source = source(Path::new("/keys.json"));
    assert!(format!("{source:?}").contains("/keys.json"));
    let marks: HashSet<u64> = (0..100).map(|n| source.shared.mark(Some(&n.to_string()))).collect();
    assert_eq!(marks.len(), 100);
}
