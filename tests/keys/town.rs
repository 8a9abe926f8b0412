//! A source at work, and the server that it tells what happens.

use super::{Authority, KeyServer, Pair, soon, support::token};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use vestibule::{
    protocol::identity::{Login, Signer},
    token::{
        House, IssuerRules, Issuers, KeyRefusal, Keys, Rejection, Verification, Verifier,
        source::{Bounds, KeySource, Location, SourceSettings},
    },
};

/// One issuer's source at work, and its verifier.
pub(crate) struct Town {
    verifier: Arc<Issuers<KeySource>>,
    told: Arc<Told>,
    upkeep: JoinHandle<()>,
}

/// What a server is told.
pub(crate) struct Told {
    ready: AtomicUsize,
    opened: Notify,
    pub(crate) removed: watch::Sender<Vec<Signer>>,
}

impl House for Told {
    fn ready(&self) {
        self.ready.fetch_add(1, Ordering::SeqCst);
        self.opened.notify_one();
    }

    fn key_removed(&self, signer: Signer) {
        self.removed.send_modify(|removed| removed.push(signer));
    }
}

impl Town {
    /// The set of this server, believed on the word of this authority.
    pub(crate) fn start(server: &KeyServer, authority: &Authority, bounds: Bounds) -> Self {
        let location = Location::set(&server.keys()).expect("an address");
        Self::of(settings(location, authority, bounds))
    }

    pub(crate) fn of(settings: SourceSettings) -> Self {
        let source = KeySource::new(settings);
        let rules = IssuerRules { leeway_ms: 0, ..IssuerRules::default() };
        let verifier = Arc::new(Issuers::new(rules, source.clone()));
        let told = Arc::new(Told {
            ready: AtomicUsize::new(0),
            opened: Notify::new(),
            removed: watch::Sender::new(Vec::new()),
        });
        let upkeep = tokio::spawn(source.upkeep(Arc::clone(&told) as Arc<_>));
        Self { verifier, told, upkeep }
    }

    /// Ready once there is a set.
    pub(crate) async fn open(&self) {
        if self.told.ready.load(Ordering::SeqCst) == 0 {
            soon("the first set", self.told.opened.notified()).await;
        }
        assert_eq!(self.told.ready.load(Ordering::SeqCst), 1, "it is said once");
    }

    pub(crate) fn verifier(&self) -> &Issuers<KeySource> {
        &self.verifier
    }

    pub(crate) fn is_open(&self) -> bool {
        self.told.ready.load(Ordering::SeqCst) > 0
    }

    /// Ready once the signers that are gone are as many.
    pub(crate) async fn removed(&self, count: usize) -> Vec<Signer> {
        let mut removed = self.told.removed.subscribe();
        let removed = soon("the end of a key", removed.wait_for(|it| it.len() >= count)).await;
        removed.expect("it runs").clone()
    }

    /// The verdict with the keys that are there.
    pub(crate) fn judge(&self, token: &str) -> Result<Box<Login>, Rejection> {
        self.verifier.judge(token, token::now())
    }

    /// The verdict as a server gets it: the source is asked if that may help.
    pub(crate) async fn verify(&self, token: &str) -> Result<Box<Login>, Rejection> {
        let token = vestibule::protocol::client_message::Token::new(token.to_owned());
        match self.verifier.verify(token, token::now()) {
            Verification::Done(verdict) => verdict,
            Verification::Pending(lookup) => soon("a verdict", lookup).await,
        }
    }

    /// Waits until the token is judged like this, with the keys that are there.
    pub(crate) async fn until(&self, token: &str, refusal: Option<KeyRefusal>) {
        let mut pace = tokio::time::interval(std::time::Duration::from_millis(5));
        let change = async {
            loop {
                let verdict = self.judge(token);
                match (&verdict, refusal) {
                    (Ok(_), None) => return,
                    (Err(Rejection::Key(why)), Some(refusal)) if *why == refusal => return,
                    (Ok(_) | Err(_), _) => {}
                }
                pace.tick().await;
            }
        };
        soon("another verdict", change).await;
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

pub(crate) fn settings(
    location: Location,
    authority: &Authority,
    bounds: Bounds,
) -> SourceSettings {
    let ca_file = Some(authority.file().to_owned());
    SourceSettings { ca_file, bounds, ..SourceSettings::new("app", location) }
}

/// The refusal of a token whose key is not there.
pub(crate) fn refusal<T: std::fmt::Debug>(verdict: Result<T, Rejection>) -> KeyRefusal {
    match verdict {
        Err(Rejection::Key(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// `user` by a token of `pair`.
pub(crate) fn is(verdict: Result<Box<Login>, Rejection>, user: &str) -> Signer {
    let login = verdict.expect("a good token");
    assert_eq!(&*login.identity.subject, user);
    login.signer
}

/// The name of a pair that nobody published.
pub(crate) fn stranger() -> Pair {
    Pair::new("stranger")
}
