//! `?ticket=`: a secret in an address that is worth nothing once it was used.

use super::{Needs, Pages, Reading, Request, Source};
use crate::protocol::credential::Credential;

pub(super) const ROW: Source = Source {
    name: "query_ticket",
    key: "auth.sources.query_ticket",
    meaning: "The parameter `ticket` of the query, with a ticket and nothing else: a JWT is \
              refused there.",
    weakness: Some(
        "addresses end in logs and histories: whoever reads one within a ticket's life, before \
         its owner comes, gets in once",
    ),
    pages: Pages::Any,
    needs: Needs::Tickets,
    detail: None,
    read,
};

fn read(request: &Request<'_>, _: &str) -> Reading {
    let tickets = request.parameters("ticket");
    Reading::one_of(
        tickets.map(|ticket| ticket.map_or_else(Credential::Unreadable, Credential::Ticket)),
    )
}
