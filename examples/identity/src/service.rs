//! What the service does when it is asked, step by step, without a word about HTTP.

use crate::{
    clock::{Clock, Seconds},
    codes,
    error::Error,
    keys::{self, Jwks},
    limits,
    post::{Letter, Post},
    secret::{Pepper, Secret},
    sessions::{self, Session, Spent},
    store::Store,
    tokens::{self, Access, Issuer},
    users::{self, Login, User},
};
use rusqlite::Transaction;
use serde::Serialize;
use std::{path::Path, sync::Arc};

/// The service, and all that it keeps.
pub struct Service {
    store: Store,
    clock: Arc<dyn Clock>,
    pepper: Pepper,
    post: Post,
    issuer: Issuer,
}

/// What a login with a password gives, and each refresh.
#[derive(Debug)]
pub struct Pair {
    /// For Vestibule: five minutes.
    pub access: Access,
    /// For the next pair, once.
    pub refresh: Secret,
}

/// A challenge that waits for its code.
#[derive(Debug)]
pub struct Challenge {
    /// To be shown with the code.
    pub challenge: Secret,
    /// How long the code is good, in seconds.
    pub expires_in: Seconds,
}

/// A cookie that stands for a session.
#[derive(Debug)]
pub struct Cookie {
    /// Its value.
    pub value: Secret,
    /// How long its session can live, in seconds.
    pub max_age: Seconds,
}

/// A token for whoever has a cookie.
#[derive(Debug)]
pub struct Visit {
    /// Whose session it is.
    pub user: String,
    /// The token.
    pub access: Access,
}

/// How somebody stands, for the user directory of Vestibule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// May be inside.
    Active,
    /// Is disabled, or has no session any more.
    Disabled,
    /// There is no such user.
    Unknown,
}

impl Service {
    /// Opens what it keeps in `folder`.
    pub fn open(folder: &Path, issuer: Issuer, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        users::warm_up();
        let store = Store::open(folder)?;
        Ok(Self { store, clock, issuer, pepper: Pepper::random()?, post: Post::open(folder)? })
    }

    /// Signs somebody in with a password; `from` is the address that asks.
    pub fn login(&self, from: &str, user: &str, password: &Secret) -> Result<Pair, Error> {
        let login = Login::parse(user)?;
        let (user, allowed) = self.store.transact(|tx| {
            let now = self.clock.now();
            limits::ADDRESS.draw(tx, from, now)?;
            limits::PASSWORDS.draw(tx, login.as_str(), now)?;
            let user = User::find(tx, &login)?;
            let allowed =
                user.as_ref().map(|it| limits::ACCOUNT_PASSWORDS.allows(tx, &it.name, now));
            Ok((user, allowed.transpose()?.unwrap_or(true)))
        })?;
        // Outside of the transaction: this is slow on purpose, and as slow for whoever is refused.
        if !users::is_password(user.as_ref(), password) || !allowed {
            return Err(Error::SignIn);
        }
        self.store.transact(|tx| {
            let now = self.clock.now();
            let user = active(tx, &login)?;
            limits::PASSWORDS.forgive(tx, login.as_str())?;
            limits::ACCOUNT_PASSWORDS.forgive(tx, &user.name)?;
            let (session, refresh) = sessions::begin(tx, &user.name, now)?;
            Ok(Pair { access: self.mint(tx, &session, &user, now)?, refresh })
        })
    }

    /// Spends a refresh token for the next pair.
    pub fn refresh(&self, token: &Secret) -> Result<Pair, Error> {
        let spent = self.store.transact(|tx| {
            let now = self.clock.now();
            match sessions::spend(tx, token, now)? {
                Spent::Renewed(session, refresh) => {
                    limits::SESSION.draw(tx, &session.sid, now)?;
                    let user = active(tx, &Login::parse(&session.user)?)?;
                    Ok(Ok(Pair { access: self.mint(tx, &session, &user, now)?, refresh }))
                }
                // A value, not an error: the end of the family has to be kept.
                refused @ (Spent::Reused(_) | Spent::Refused) => Ok(Err(refused)),
            }
        })?;
        spent.map_err(|refused| {
            if let Spent::Reused(sid) = refused {
                tracing::warn!(sid, "a refresh token came twice: its session has ended");
            }
            Error::SignIn
        })
    }

    /// Ends the session that a refresh token or a cookie belongs to; silent if there is none.
    pub fn log_out(&self, shown: &Secret) -> Result<(), Error> {
        self.store.transact(|tx| sessions::log_out(tx, shown))
    }

    /// Sends a code, if there is somebody to send it to: the answer does not tell.
    pub fn ask_code(&self, from: &str, user: &str) -> Result<Challenge, Error> {
        let login = Login::parse(user)?;
        let (asked, user) = self.store.transact(|tx| {
            let now = self.clock.now();
            limits::ADDRESS.draw(tx, from, now)?;
            limits::CODES.draw(tx, login.as_str(), now)?;
            let user = match User::find(tx, &login)? {
                Some(user) if limits::ACCOUNT_CODES.allows(tx, &user.name, now)? => Some(user),
                Some(_) | None => None,
            };
            Ok((codes::ask(tx, &self.pepper, user.as_ref(), now)?, user))
        })?;
        if let Some(User { name, email, disabled: false, .. }) = user {
            let to = email.unwrap_or(name);
            self.post.send(Letter { to, code: asked.code, good_for: codes::LIFE });
        }
        Ok(Challenge { challenge: asked.challenge, expires_in: codes::LIFE })
    }

    /// Signs somebody in with a code: a session with a cookie.
    pub fn verify_code(
        &self,
        from: &str,
        challenge: &Secret,
        code: &Secret,
    ) -> Result<Cookie, Error> {
        let cookie = self.store.transact(|tx| {
            let now = self.clock.now();
            limits::ADDRESS.draw(tx, from, now)?;
            let Some(user) = codes::verify(tx, &self.pepper, challenge, code, now)? else {
                return Ok(None);
            };
            let (session, value) = sessions::begin_with_cookie(tx, &user.name, now)?;
            Ok(Some(Cookie { value, max_age: session.expires() - now }))
        })?;
        cookie.ok_or(Error::SignIn)
    }

    /// A token for whoever has this cookie; to be exchanged for a ticket.
    pub fn visit(&self, cookie: &Secret) -> Result<Visit, Error> {
        self.store.transact(|tx| {
            let now = self.clock.now();
            let session = sessions::of_cookie(tx, cookie, now)?.ok_or(Error::SignIn)?;
            limits::SESSION.draw(tx, &session.sid, now)?;
            let user = active(tx, &Login::parse(&session.user)?)?;
            let access = self.mint(tx, &session, &user, now)?;
            Ok(Visit { user: user.name, access })
        })
    }

    /// The keys that tokens are checked with.
    pub fn jwks(&self) -> Result<Jwks, Error> {
        self.store.transact(|tx| keys::published(tx, self.clock.now()))
    }

    /// Whether a user may be inside: there is one, not disabled, with a session that is open.
    pub fn standing(&self, issuer: &str, subject: &str) -> Result<Standing, Error> {
        let Ok(login) = Login::parse(subject) else { return Ok(Standing::Unknown) };
        self.store.transact(|tx| {
            // An e-mail address is a way to sign in, and no subject.
            let is_subject = |user: &User| user.name == subject && issuer == self.issuer.iss;
            let Some(user) = User::find(tx, &login)?.filter(is_subject) else {
                return Ok(Standing::Unknown);
            };
            let open = sessions::is_any_open(tx, &user.name, self.clock.now())?;
            Ok(if open && !user.disabled { Standing::Active } else { Standing::Disabled })
        })
    }

    /// Does something with the database that only its owner asks for.
    pub fn administer<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, Seconds) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.store.transact(|tx| work(tx, self.clock.now()))
    }

    fn mint(
        &self,
        tx: &Transaction<'_>,
        session: &Session,
        user: &User,
        now: Seconds,
    ) -> Result<Access, Error> {
        tokens::mint(&self.issuer, &keys::signing(tx, now)?, session, user, now)
    }
}

/// The user, unless disabled.
fn active(tx: &Transaction<'_>, login: &Login) -> Result<User, Error> {
    User::find(tx, login)?.filter(|user| !user.disabled).ok_or(Error::SignIn)
}
