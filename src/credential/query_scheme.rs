//! `?JWT%20eyJ…`: a query that is a scheme and a token as a whole.

use super::{Detail, Needs, Pages, Reading, Request, Source, request::decode};
use crate::protocol::{client_message::Token, credential::Credential};

pub(super) const ROW: Source = Source {
    name: "query_scheme",
    key: "auth.sources.query_scheme",
    meaning: "A query that is a scheme and a JWT as a whole, such as `?JWT%20eyJ…`.",
    weakness: Some(
        "addresses end in the logs of proxies and in histories, and whoever reads one there is \
         the user until the JWT expires; tickets do the same without that",
    ),
    pages: Pages::Any,
    needs: Needs::Issuers,
    detail: Some(Detail {
        key: "auth.sources.query_scheme_word",
        unset: "JWT",
        taken: None,
        meaning: "The scheme before that JWT, in any case; a space follows it.",
    }),
    read,
};

fn read(request: &Request<'_>, word: &str) -> Reading {
    let Some(query) = request.query() else { return Reading::Absent };
    // A space can be written in two ways; what stands before it has to be the word.
    let behind = |space: &str| {
        let (scheme, token) = query.split_once(space)?;
        scheme.eq_ignore_ascii_case(word).then_some(token)
    };
    let Some(token) = ["%20", "+"].into_iter().find_map(behind) else {
        let alone = query.eq_ignore_ascii_case(word);
        let empty = Credential::Token(Token::new(""));
        return if alone { Reading::Shown(empty) } else { Reading::Absent };
    };
    Reading::Shown(decode(token).map_or_else(Credential::Unreadable, Credential::Token))
}
