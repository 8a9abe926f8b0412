//! `Authorization: Basic` (RFC 7617): `ws://user:password@host`, checked by the user directory.

use super::{Needs, Pages, Reading, Request, Source, base64, header::credentials};
use crate::protocol::credential::{Credential, Password, Unreadable};
use base64::engine::general_purpose::STANDARD;

pub(super) const ROW: Source = Source {
    name: "basic",
    key: "auth.sources.basic",
    meaning: "The header `Authorization: Basic`, which is what `ws://user:password@host` becomes: \
              the user directory checks it.",
    weakness: Some(
        "the password itself is sent with each connection, and a browser that has it sends it \
         along by itself; take it over TLS only",
    ),
    pages: Pages::ListedOrNone,
    needs: Needs::Passwords,
    detail: None,
    read,
};

fn read(request: &Request<'_>, _: &str) -> Reading {
    Reading::one_of(
        credentials(request, "Basic")
            .map(|text| password(text).map_or_else(Credential::Unreadable, Credential::Password)),
    )
}

fn password(text: &[u8]) -> Result<Password, Unreadable> {
    let decoded = base64(&STANDARD, text)?;
    let pair = str::from_utf8(&decoded).map_err(|_| Unreadable::Utf8)?;
    let (user, password) = pair.split_once(':').ok_or(Unreadable::Colon)?;
    Ok(Password::new(user, password))
}
