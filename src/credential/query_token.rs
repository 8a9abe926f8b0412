//! `?token=`: a JWT in an address, where it outlives the connection in every log on the way.

use super::{Detail, Needs, Pages, Reading, Request, Source};
use crate::protocol::credential::Credential;

pub(super) const ROW: Source = Source {
    name: "query_token",
    key: "auth.sources.query_token",
    meaning: "A parameter of the query with a JWT.",
    weakness: Some(
        "addresses end in the logs of proxies and in histories, and whoever reads one there is \
         the user until the JWT expires; tickets do the same without that",
    ),
    pages: Pages::Any,
    needs: Needs::Issuers,
    detail: Some(Detail {
        key: "auth.sources.query_token_name",
        unset: "token",
        taken: Some("ticket"),
        meaning: "The name of that parameter.",
    }),
    read,
};

fn read(request: &Request<'_>, name: &str) -> Reading {
    let tokens = request.parameters(name);
    Reading::one_of(
        tokens.map(|token| token.map_or_else(Credential::Unreadable, Credential::Token)),
    )
}
