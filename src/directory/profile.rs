//! What a directory says of a user that may come in, and the strict reading of it.

use super::Standing;
use crate::{
    protocol::{
        grant::Grant,
        json::{self, JsonFault, Kind, Raw},
        limits::INFO_BYTES,
    },
    token::SUBJECT_BYTES,
};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

/// The least that an answer may shorten the time to the next look, in milliseconds.
pub(super) const RECHECK_MIN_MS: u64 = 1_000;

/// Of a user that may come in. All of it may be absent.
#[derive(Clone, Default)]
pub struct Profile {
    /// The subject that a password stands for; the name that was shown if there is none. Not looked
    /// at where the user of a token is asked for: the token says who it is.
    pub subject: Option<Box<str>>,
    /// Rooms that are open beside those of the token.
    pub grant: Option<Arc<Grant>>,
    /// What others see of the user, in place of what the token says.
    pub info: Option<Arc<RawValue>>,
    /// When to ask again, in milliseconds, if that is sooner than usual.
    pub recheck_ms: Option<u64>,
}

/// What is wrong with an answer. It carries no text of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileFault {
    /// No strict JSON object.
    Json(JsonFault),
    /// `status` is none of `active`, `disabled` and `unknown`.
    Status,
    /// A subject is not 1 to 255 bytes without control characters.
    Subject,
    /// `rooms` is no grant.
    Rooms,
    /// `info` is no object of at most 1,024 bytes.
    Info,
    /// `recheck_ms` is no whole number.
    Recheck,
}

impl fmt::Display for ProfileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => write!(f, "{fault}"),
            Self::Status => {
                f.write_str("`status` is none of \"active\", \"disabled\", \"unknown\"")
            }
            Self::Subject => write!(
                f,
                "`subject` is no text of 1 to {SUBJECT_BYTES} bytes without control characters"
            ),
            Self::Rooms => f.write_str("`rooms` is no grant of rooms"),
            Self::Info => write!(f, "`info` is no object of at most {INFO_BYTES} bytes"),
            Self::Recheck => f.write_str("`recheck_ms` is no whole number"),
        }
    }
}

impl std::error::Error for ProfileFault {}

impl Standing {
    /// Reads the answer of a callback.
    ///
    /// # Errors
    /// [`ProfileFault`]: unknown members are ignored, all else must be as documented.
    pub fn parse(text: &str) -> Result<Self, ProfileFault> {
        let [status, subject, rooms, info, recheck_ms] =
            json::object(text, &["status", "subject", "rooms", "info", "recheck_ms"])
                .map_err(ProfileFault::Json)?;
        let status = status.and_then(Raw::as_str).ok_or(ProfileFault::Status)?;
        match &*status {
            "disabled" => return Ok(Self::Disabled),
            "unknown" => return Ok(Self::Unknown),
            "active" => {}
            _ => return Err(ProfileFault::Status),
        }
        let mut profile = Profile::default();
        if let Some(raw) = present(subject) {
            profile.set_subject(&raw.as_str().ok_or(ProfileFault::Subject)?)?;
        }
        if let Some(raw) = present(rooms) {
            profile.set_rooms(raw.text())?;
        }
        if let Some(raw) = present(info) {
            profile.set_info(raw.text())?;
        }
        let recheck_ms = present(recheck_ms).map(|raw| raw.as_integer());
        profile.recheck_ms = recheck_ms.map(|it| it.ok_or(ProfileFault::Recheck)).transpose()?;
        Ok(Self::Active(Arc::new(profile)))
    }
}

/// A backend that has nothing to say may say `null`.
fn present(value: Option<Raw<'_>>) -> Option<Raw<'_>> {
    value.filter(|raw| raw.kind() != Kind::Null)
}

impl Profile {
    /// Sets the subject.
    ///
    /// # Errors
    /// [`ProfileFault::Subject`].
    pub fn set_subject(&mut self, subject: &str) -> Result<(), ProfileFault> {
        if !is_subject(subject) {
            return Err(ProfileFault::Subject);
        }
        self.subject = Some(subject.into());
        Ok(())
    }

    /// Sets the rooms to the text of a `rooms` claim.
    ///
    /// # Errors
    /// [`ProfileFault::Rooms`].
    pub fn set_rooms(&mut self, text: &str) -> Result<(), ProfileFault> {
        let grant = Grant::parse(text).map_err(|_| ProfileFault::Rooms)?;
        self.grant = Some(Arc::new(grant));
        Ok(())
    }

    /// Sets what others see to the text of an `info` claim.
    ///
    /// # Errors
    /// [`ProfileFault::Info`].
    pub fn set_info(&mut self, text: &str) -> Result<(), ProfileFault> {
        let text = text.trim();
        if text.len() > INFO_BYTES || json::members(text).is_err() {
            return Err(ProfileFault::Info);
        }
        let info = RawValue::from_string(text.to_owned()).map_err(|_| ProfileFault::Info)?;
        self.info = Some(info.into());
        Ok(())
    }

    /// When to ask again at the latest, in milliseconds.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.recheck_ms.map(|ms| ms.max(RECHECK_MIN_MS))
    }
}

/// Whether a text can be a subject, by the rules for tokens.
pub(super) fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        let info = |it: &Self| it.info.as_deref().map(|raw| raw.get().to_owned());
        (&self.subject, &self.grant, self.recheck_ms)
            == (&other.subject, &other.grant, other.recheck_ms)
            && info(self) == info(other)
    }
}

impl Eq for Profile {}

impl fmt::Debug for Profile {
    /// Shows nothing of a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("recheck_ms", &self.recheck_ms).finish_non_exhaustive()
    }
}
