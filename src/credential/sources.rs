//! Which sources are read, and what a handshake shows to them.

use super::{Page, Pages, Reading, Request, SOURCES, Source};
use crate::protocol::credential::Credential;
use std::fmt;

/// How a source is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is not read.
    #[default]
    Off,
    /// What it shows is judged in place of the first message; whoever shows nothing says it there.
    Optional,
    /// Without a good credential there is no upgrade.
    Required,
}

/// What was chosen about one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub source: &'static Source,
    /// How it is used.
    pub mode: Mode,
    /// The word that it is told, or else the default.
    pub detail: Option<Box<str>>,
}

/// The sources that are read. With none, which is the default, there is the first message alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    active: Vec<(&'static Source, Box<str>)>,
    required: bool,
}

/// Some sources are required and another one is optional: it could let nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModesMixed {
    /// One that is required.
    pub required: &'static Source,
    /// One that is optional.
    pub optional: &'static Source,
}

impl fmt::Display for ModesMixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { required, optional } = self;
        write!(
            f,
            "is optional while {} is required: nobody gets in without a credential, so make both \
             required, and one of them will do ({} = \"required\"), or both optional",
            required.key, optional.key
        )
    }
}

impl std::error::Error for ModesMixed {}

/// Why a handshake is refused before anybody judges its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// There is none, and there has to be one.
    Missing,
    /// There are several, and they differ.
    Several,
    /// It is of a kind that browsers send by themselves, and comes from no page of the list.
    Page,
}

impl Sources {
    /// The sources that are chosen.
    ///
    /// # Errors
    /// [`ModesMixed`]: all of them are required, and one suffices, or all are optional.
    pub fn new(choices: impl IntoIterator<Item = Choice>) -> Result<Self, ModesMixed> {
        let mut chosen: Vec<Choice> = choices.into_iter().collect();
        chosen.retain(|choice| choice.mode != Mode::Off);
        let first = |mode| chosen.iter().find(|choice| choice.mode == mode).map(|it| it.source);
        if let (Some(required), Some(optional)) = (first(Mode::Required), first(Mode::Optional)) {
            return Err(ModesMixed { required, optional });
        }
        let required = first(Mode::Required).is_some();
        let active = chosen.into_iter().map(|Choice { source, detail, .. }| {
            let unset = source.detail.map_or("", |detail| detail.unset);
            (source, detail.unwrap_or_else(|| unset.into()))
        });
        Ok(Self { active: active.collect(), required })
    }

    /// Every source, used like this, for tests and for whoever embeds a server.
    pub fn all(mode: Mode) -> Self {
        let choice = |source| Choice { source, mode, detail: None };
        // One mode is no mixture.
        Self::new(SOURCES.iter().map(choice)).unwrap_or_default()
    }

    /// The sources that are read.
    pub fn active(&self) -> impl Iterator<Item = &'static Source> {
        self.active.iter().map(|(source, _)| *source)
    }

    /// Whether there is no upgrade without a good credential.
    pub fn required(&self) -> bool {
        self.required
    }

    /// Whether none is read.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// The credential of a handshake; `None`: there is none, and there need not be one.
    ///
    /// # Errors
    /// [`SourceFault`]: it is refused whatever a verifier would say.
    pub fn read(&self, request: &Request<'_>) -> Result<Option<Credential<'static>>, SourceFault> {
        let mut shown: Option<Credential<'static>> = None;
        for (source, detail) in &self.active {
            let credential = match (source.read)(request, detail) {
                Reading::Absent => continue,
                Reading::Several => return Err(SourceFault::Several),
                Reading::Shown(credential) => credential,
            };
            if !source.pages.take(request.page()) {
                return Err(SourceFault::Page);
            }
            shown = Some(match shown {
                None => credential,
                Some(other) => both(other, credential).ok_or(SourceFault::Several)?,
            });
        }
        if shown.is_none() && self.required {
            return Err(SourceFault::Missing);
        }
        Ok(shown)
    }
}

/// Two credentials as one, if they are equal. What came a way that no JWT may come stays a ticket.
fn both(one: Credential<'static>, other: Credential<'static>) -> Option<Credential<'static>> {
    match (one, other) {
        (Credential::Ticket(ticket), Credential::Token(token))
        | (Credential::Token(token), Credential::Ticket(ticket)) => {
            (ticket == token).then_some(Credential::Ticket(ticket))
        }
        (one, other) => (one == other).then_some(one),
    }
}

impl Pages {
    /// Whether a credential is taken from this page.
    const fn take(self, page: Page) -> bool {
        match (self, page) {
            (Self::Any, _) | (_, Page::Listed) | (Self::ListedOrNone, Page::None) => true,
            (Self::Listed, Page::None | Page::Unlisted) | (Self::ListedOrNone, Page::Unlisted) => {
                false
            }
        }
    }
}
