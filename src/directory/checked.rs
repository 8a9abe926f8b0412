//! A verifier that asks a directory behind another one's good verdict, and judges passwords.

use super::{Outcome, Profile, Register, Standing, profile::is_subject, rounds};
use crate::{
    protocol::{
        client_message::Token,
        credential::{Credential, Password, Presentation},
        identity::{Identity, Login, Pass, Principal, Quotas},
        time::Wall,
    },
    token::{Figures, House, Rejection, Upkeep, Verification, Verifier},
};
use std::{fmt, sync::Arc};
use tokio::runtime::Handle;

/// How the users of passwords sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwords {
    /// Whose users they are: the `iss` of that issuer's tokens, so that both ways lead to one user.
    pub issuer: Option<Box<str>>,
    /// What stands before the subject in their public id.
    pub prefix: Box<str>,
    /// How far the quotas may go.
    pub ceiling: Quotas,
    /// How long such a session lasts, in milliseconds, unless a token refreshes it.
    pub session_ms: u64,
}

/// What a server asks about its users. A clone asks the same register.
#[derive(Clone, Debug)]
pub struct Checks {
    /// Who is asked.
    pub register: Register,
    /// How passwords sign in; `None` if they do not.
    pub passwords: Option<Passwords>,
}

/// Judges by `inner`, then asks whether the user exists and may come in.
pub struct Checked {
    inner: Arc<dyn Verifier>,
    register: Register,
    passwords: Option<Passwords>,
}

impl Checked {
    /// Asks about every user whom `inner` lets in.
    pub fn new(inner: Arc<dyn Verifier>, Checks { register, passwords }: Checks) -> Self {
        Self { inner, register, passwords }
    }

    /// Asks about the user of a credential that is good.
    fn behind(&self, verdict: Verification<Box<Login>>) -> Verification<Box<Login>> {
        let register = self.register.clone();
        match verdict {
            Verification::Done(Err(rejection)) => Verification::Done(Err(rejection)),
            Verification::Done(Ok(login)) => {
                let user = Principal(Arc::clone(&login.identity));
                match register.known(&user) {
                    Some(standing) => Verification::Done(apply(login, Ok(standing))),
                    None => Verification::Pending(Box::pin(async move {
                        apply(login, register.ask(user).await)
                    })),
                }
            }
            Verification::Pending(lookup) => Verification::Pending(Box::pin(async move {
                let login = lookup.await?;
                let user = Principal(Arc::clone(&login.identity));
                apply(login, register.ask(user).await)
            })),
        }
    }

    fn password(&self, password: Password, now: Wall) -> Verification<Box<Login>> {
        // What can be nobody's subject is asked of nobody.
        let Some(rules) = self.passwords.clone().filter(|_| is_subject(password.user())) else {
            return Verification::Done(Err(Rejection::Password));
        };
        let register = self.register.clone();
        Verification::Pending(Box::pin(async move {
            let user: Box<str> = password.user().into();
            match register.check(password).await {
                Ok(Standing::Active(profile)) => {
                    let login = rules.login(user, &profile, now);
                    register.heed(&Principal(Arc::clone(&login.identity)), &profile);
                    Ok(login)
                }
                Ok(Standing::Disabled) => Err(Rejection::Revoked),
                Ok(Standing::Unknown) => Err(Rejection::Password),
                Err(_) => Err(Rejection::Unavailable),
            }
        }))
    }
}

impl Passwords {
    fn login(&self, user: Box<str>, profile: &Profile, now: Wall) -> Box<Login> {
        let subject = profile.subject.clone().unwrap_or(user);
        let public = format!("{}{subject}", self.prefix);
        let identity = Identity { issuer: self.issuer.clone(), subject, user: public.into() };
        let mut login = Box::new(Login::new(identity, now + self.session_ms));
        login.issued_at = Some(now);
        login.ceiling = self.ceiling;
        add(&mut login, profile);
        login
    }
}

/// What the answer makes of a login.
fn apply(mut login: Box<Login>, outcome: Outcome) -> Result<Box<Login>, Rejection> {
    match outcome {
        Ok(Standing::Active(profile)) => {
            add(&mut login, &profile);
            Ok(login)
        }
        Ok(Standing::Disabled) => Err(Rejection::Revoked),
        Ok(Standing::Unknown) => Err(Rejection::UnknownUser),
        Err(_) => Err(Rejection::Unavailable),
    }
}

/// Adds the rooms of a profile to those of a login, and puts its `info` in place of the login's.
fn add(login: &mut Login, profile: &Profile) {
    if let Some(grant) = &profile.grant {
        login.grant = Arc::new(login.grant.and(grant));
    }
    if let Some(info) = &profile.info {
        login.info = Some(Arc::clone(info));
    }
}

impl Verifier for Checked {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>> {
        self.behind(self.inner.verify(token, now))
    }

    fn judge(&self, shown: Presentation<'_>, now: Wall) -> Verification<Box<Login>> {
        match shown.credential {
            Credential::Password(password) => self.password(password, now),
            Credential::Token(_) | Credential::Ticket(_) | Credential::Unreadable(_) => {
                self.behind(self.inner.judge(shown, now))
            }
        }
    }

    /// The user of a room token is the session's, who was asked about: nobody is asked again.
    fn verify_pass(&self, token: Token<'_>, now: Wall) -> Verification<Box<Pass>> {
        self.inner.verify_pass(token, now)
    }

    fn figures(&self) -> Figures {
        Figures { directory: Some(self.register.figures()), ..self.inner.figures() }
    }

    fn upkeep(self: Arc<Self>, house: Arc<dyn House>) -> Upkeep {
        if let Ok(runtime) = Handle::try_current() {
            self.register.run_on(runtime);
        }
        let keys = Arc::clone(&self.inner).upkeep(Arc::clone(&house));
        let looks = rounds::run(self.register.clone(), house);
        Box::pin(async move {
            tokio::select! {
                () = keys => {}
                () = looks => {}
            }
        })
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("register", &self.register).finish_non_exhaustive()
    }
}
