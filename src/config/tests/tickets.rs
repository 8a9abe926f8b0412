//! Tickets: off unless they are switched on, whatever else is said.

use super::*;
use crate::config::TicketPolicy;

fn policy(text: &str) -> Option<TicketPolicy> {
    file(&format!("{LEAST}{text}")).unwrap().tickets
}

#[test]
fn tickets_are_off_until_they_are_switched_on() {
    assert_eq!(policy(""), None);
    assert_eq!(policy("[tickets]\nenabled = false\nlife_ms = 5000\nheld = 100\n"), None);
    assert_eq!(policy("[tickets]\nenabled = true\n"), Some(TicketPolicy::default()));
    let policy = policy("[tickets]\nenabled = true\nlife_ms = 5000\nheld = 100\n");
    assert_eq!(policy, Some(TicketPolicy { life_ms: 5_000, held: 100 }));
    let set = environment(&[("VESTIBULE_TICKETS__ENABLED", "true")]).unwrap();
    assert_eq!(set.tickets, Some(TicketPolicy::default()));
}

#[test]
fn what_is_out_of_range_is_refused_even_while_they_are_off() {
    let said = texts(file(&format!("{LEAST}[tickets]\nlife_ms = 999\nheld = 31\n")));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].ends_with("tickets.life_ms: 999 is out of range: 1000 to 600000 (milliseconds)")
    );
    assert!(said[1].ends_with("tickets.held: 31 is out of range: 32 to 1000000 (tickets)"));
}
