//! A directory behind an address: one POST for each question.

use super::{Directory, Lookup, Standing, Unavailable};
use crate::{
    fetch::{self, Address, Limits, Question, Trust},
    protocol::{credential::Password, identity::Identity},
};
use hyper::header::HeaderValue;
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// The longest answer, in bytes.
pub const BODY_BYTES: usize = 65_536;

/// Asks one address.
pub struct HttpDirectory {
    address: Address,
    trust: Trust,
    authorization: Option<HeaderValue>,
    limits: Limits,
}

impl HttpDirectory {
    /// Asks `address`, believed as `trust` says, within `deadline_ms`.
    pub fn new(address: Address, trust: Trust, deadline_ms: u64) -> Self {
        let limits = Limits { deadline_ms, body_bytes: BODY_BYTES };
        Self { address, trust, authorization: None, limits }
    }

    /// Shows `key` with each question (`Authorization: Bearer`); `None` if it does not fit into a
    /// header.
    #[must_use]
    pub fn with_key(self, key: &[u8]) -> Option<Self> {
        Some(Self { authorization: Some(fetch::bearer(key)?), ..self })
    }

    fn ask(&self, question: &Value) -> Lookup {
        let (address, trust, limits) = (self.address.clone(), self.trust.clone(), self.limits);
        let question = Question {
            json: question.to_string().into(),
            authorization: self.authorization.clone(),
        };
        Box::pin(async move {
            let answer = fetch::post(&address, &trust, limits, question).await;
            let answer = answer.map_err(|why| Unavailable::new(why.to_string()))?;
            let wrong = |what: &dyn fmt::Display| {
                Unavailable::new(format!("{} gives a wrong answer: {what}", address.authority()))
            };
            let text = str::from_utf8(&answer.body).map_err(|_| wrong(&"not UTF-8"))?;
            Standing::parse(text).map_err(|fault| wrong(&fault))
        })
    }
}

impl Directory for HttpDirectory {
    fn find(&self, user: Arc<Identity>) -> Lookup {
        let Identity { issuer, subject, .. } = &*user;
        self.ask(&json!({"kind": "user", "issuer": issuer, "subject": subject}))
    }

    fn check(&self, password: Password) -> Lookup {
        let (user, password) = (password.user(), password.reveal());
        self.ask(&json!({"kind": "password", "user": user, "password": password}))
    }
}

impl fmt::Debug for HttpDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDirectory").field("address", &self.address).finish_non_exhaustive()
    }
}
