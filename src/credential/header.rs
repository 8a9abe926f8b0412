//! `Authorization: SCHEME CREDENTIALS` (RFC 9110 11.4), shared by the schemes.

use super::Request;

/// The credentials of all lines with this scheme, in any case; those of other schemes are for
/// somebody else.
pub(super) fn credentials<'r>(
    request: &Request<'r>,
    scheme: &'static str,
) -> impl Iterator<Item = &'r [u8]> {
    request.all("authorization").filter_map(move |value| {
        let space = value.iter().position(u8::is_ascii_whitespace);
        let end = space.unwrap_or(value.len());
        let (word, rest) = value.split_at_checked(end)?;
        word.eq_ignore_ascii_case(scheme.as_bytes()).then(|| rest.trim_ascii())
    })
}
