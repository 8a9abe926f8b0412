//! `[auth.sources]`: which credential sources are read, and what each of them needs beside it.

use super::{Origin, check::Check};
use crate::{
    credential::{Choice, Detail, Mode, Needs, Pages, SOURCES, Source, Sources},
    protocol::room_path::RoomPath,
};

const MODES: &[(&str, Mode)] =
    &[("off", Mode::Off), ("optional", Mode::Optional), ("required", Mode::Required)];
/// The longest word that a source can be told, in bytes.
const DETAIL_BYTES: usize = 64;

/// What sources may need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The list of origins.
    pub(super) origins: &'a [Box<str>],
    /// Whether tickets are given out.
    pub(super) tickets: bool,
    /// Whether a user directory checks passwords.
    pub(super) passwords: bool,
}

impl Check {
    /// The sources that are read; what is weaker than the first message is warned of.
    pub(super) fn sources(&mut self, around: Surroundings<'_>) -> Sources {
        let choices: Vec<(Choice, Origin)> =
            SOURCES.iter().map(|source| self.choice(source)).collect();
        for (Choice { source, mode, .. }, origin) in &choices {
            if *mode == Mode::Off {
                continue;
            }
            if let Some(what) = lacks(source, around) {
                self.raw.problem(origin.clone(), source.key, what.to_owned());
            }
            if let Some(weakness) = source.weakness {
                self.raw.warnings.push(format!("{} is on: {weakness}", source.key));
            }
        }
        let origins = choices.clone();
        Sources::new(choices.into_iter().map(|(choice, _)| choice)).unwrap_or_else(|mixed| {
            let of = |(choice, _): &&(Choice, Origin)| choice.source == mixed.optional;
            let origin = origins.iter().find(of).map(|(_, origin)| origin.clone());
            let origin = origin.unwrap_or(Origin::Default);
            self.raw.problem(origin, mixed.optional.key, mixed.to_string());
            Sources::default()
        })
    }

    fn choice(&mut self, source: &'static Source) -> (Choice, Origin) {
        // Before the value is taken.
        let origin = self.raw.origin(source.key).cloned().unwrap_or(Origin::Default);
        let mode = self.word(source.key, MODES).unwrap_or_default();
        let detail = source.detail.and_then(|detail| self.detail(detail));
        (Choice { source, mode, detail }, origin)
    }

    fn detail(&mut self, Detail { key, taken, .. }: Detail) -> Option<Box<str>> {
        let (text, origin) = self.text(key)?;
        if taken == Some(&*text) {
            let what = format!("{text:?} is where another source looks: take another word");
            self.raw.problem(origin, key, what);
            return None;
        }
        let sound = (1..=DETAIL_BYTES).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if sound && text.bytes().all(plain) {
            return Some(text.into());
        }
        let what = format!("takes 1 to {DETAIL_BYTES} letters, digits and -._ of ASCII");
        self.raw.problem(origin, key, what);
        None
    }

    /// The path that names a room, if there is one.
    pub(super) fn room_path(&mut self) -> Option<RoomPath> {
        const KEY: &str = "rooms.path";
        let (text, origin) = self.text(KEY)?;
        let parsed = RoomPath::parse(&text);
        parsed.map_err(|why| self.raw.problem(origin, KEY, format!("{text:?}: {why}"))).ok()
    }
}

/// What has to be configured before this source can be on.
fn lacks(source: &Source, around: Surroundings<'_>) -> Option<&'static str> {
    let needs = match source.needs {
        Needs::Issuers => None,
        Needs::Tickets => (!around.tickets)
            .then_some("takes tickets, and none are given out: set tickets.enabled = true"),
        Needs::Passwords => (!around.passwords).then_some(
            "takes passwords, and only a user directory can check them: configure [directory] (with \
             directory.password_query for a database, and directory.password_issuer with several \
             issuers), or leave this source off",
        ),
    };
    let anybody = around.origins.is_empty() || around.origins.iter().any(|it| &**it == "null");
    let pages = match source.pages {
        Pages::Any => None,
        Pages::ListedOrNone | Pages::Listed => anybody.then_some(
            "is sent by browsers for whichever page asks: list the origins of your own pages in \
             gate.origins, without \"null\"",
        ),
    };
    needs.or(pages)
}
