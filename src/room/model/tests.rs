//! No promise is broken in any state of some small rooms, and the promises are worth something:
//! each mistake that is planted in the rule breaks one.

use super::{
    explore::{Broken, Explorer, Scope},
    flaw::Flaw,
};
use std::env;

/// One connection that comes back once.
const BACK: Scope = Scope {
    connections: &[0],
    joins: 2,
    again: true,
    commits: 2,
    emits: 0,
    looks: 0,
    keys: false,
    remembers: 1,
    batch: 2,
};

/// Two members of one worker, which may come back.
const NEIGHBOURS: Scope = Scope { connections: &[0, 0], joins: 1, commits: 2, batch: 1, ..BACK };

/// One member on each of two workers.
const APART: Scope = Scope { connections: &[0, 1], joins: 1, commits: 1, ..BACK };

/// Messages that are published again.
const KEYS: Scope = Scope { joins: 1, commits: 3, keys: true, remembers: 2, ..BACK };

/// Messages that nobody remembers, and looks at the history.
const PASSING: Scope = Scope { joins: 1, emits: 1, looks: 1, ..BACK };

/// What takes minutes; only with `EXPLORE=far`.
const FAR: [Scope; 4] = [
    Scope { commits: 3, remembers: 2, ..BACK },
    Scope { remembers: 2, batch: 2, ..NEIGHBOURS },
    Scope { commits: 2, remembers: 2, ..APART },
    Scope { connections: &[0, 0, 1], joins: 1, commits: 1, ..BACK },
];

fn explore(scope: Scope, flaw: Option<Flaw>) -> Result<(), Broken> {
    let (states, moves) = Explorer::explore(scope, flaw)?;
    println!("{states} states, {moves} moves within {scope:?}");
    Ok(())
}

#[test]
fn no_promise_is_broken_in_any_state() {
    let far: &[_] = if env::var("EXPLORE").is_ok_and(|how| how == "far") { &FAR } else { &[] };
    for &scope in [BACK, NEIGHBOURS, APART, KEYS, PASSING].iter().chain(far) {
        explore(scope, None).unwrap_or_else(|Broken { why, way }| {
            way.iter().for_each(|what| println!("  {what:?}"));
            panic!("{why}, within {scope:?}");
        });
    }
}

#[test]
fn every_mistake_in_the_rule_breaks_a_promise() {
    for flaw in Flaw::ALL {
        let found = [KEYS, PASSING, BACK, NEIGHBOURS]
            .into_iter()
            .find_map(|scope| explore(scope, Some(flaw)).err());
        let Broken { why, way } = found.unwrap_or_else(|| panic!("{flaw:?} is not found"));
        println!("{flaw:?}, after {} moves: {why}", way.len());
    }
}
