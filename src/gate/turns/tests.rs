//! The order by examples, and what holds whoever asks, ends or gives up.

use super::*;
use proptest::{collection::vec, prelude::*, sample::Index};

const SMALL: Bounds = Bounds { places: 4, open: 2 };

/// Asks for each of these askers; the seat is the place in the list. Returns the seats that begin.
fn ask(turns: &mut Turns<u8, usize>, askers: &[u8]) -> (Vec<Ticket>, Vec<usize>) {
    let asked = askers.iter().zip(0..).map(|(asker, seat)| turns.ask(asker, seat));
    let (tickets, began): (Vec<_>, Vec<_>) = asked.unzip();
    (tickets, began.into_iter().flatten().collect())
}

#[test]
fn one_asker_takes_no_more_than_the_open_places() {
    let mut turns = Turns::new(SMALL);
    let (_, began) = ask(&mut turns, &[1; 9]);
    assert_eq!(began, [0, 1]);
    assert_eq!(turns.held(), (2, 7));
}

#[test]
fn newcomers_find_a_place_each_behind_a_crowd() {
    let mut turns = Turns::new(SMALL);
    let (_, began) = ask(&mut turns, &[1, 1, 1, 2, 2, 3, 4]);
    assert_eq!(began, [0, 1, 3, 5], "one of each newcomer, until all places are taken");
}

#[test]
fn who_has_fewest_under_way_is_next_then_who_waits_longest() {
    let mut turns = Turns::new(Bounds { places: 3, open: 3 });
    // 1 has two under way, 2 has one, and they wait in this order.
    let (tickets, began) = ask(&mut turns, &[1, 1, 2, 1, 2, 3, 4]);
    assert_eq!(began, [0, 1, 2]);
    assert_eq!(turns.leave(&1, tickets[0]), Some(5), "nothing under way, and before asker 4");
    assert_eq!(turns.leave(&3, tickets[5]), Some(6));
    assert_eq!(turns.leave(&4, tickets[6]), Some(3), "one each: who waits longest");
    assert_eq!(turns.leave(&1, tickets[1]), Some(4), "asker 1 has nothing that waits");
    assert_eq!(turns.held(), (3, 0));
}

#[test]
fn a_place_that_one_asker_may_not_take_stays_free() {
    let mut turns = Turns::new(SMALL);
    let (tickets, _) = ask(&mut turns, &[1, 1, 1, 2]);
    assert_eq!(turns.leave(&2, tickets[3]), None);
    assert_eq!(turns.held(), (2, 1));
    assert_eq!(turns.leave(&1, tickets[2]), None, "it gave up waiting");
    assert_eq!(turns.leave(&1, tickets[0]), None);
    assert_eq!(turns.leave(&1, tickets[1]), None);
    assert!(turns.askers.is_empty() && turns.order.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8),
    Leave(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_u8).prop_map(Step::Ask),
        2 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// One lookup of the model, in the order of arrival.
#[derive(Clone, Copy, Debug)]
struct Entry {
    ticket: Ticket,
    asker: u8,
    seat: usize,
    runs: bool,
}

/// Askers, tickets and turns as plain lists.
#[derive(Debug, Default)]
struct Model(Vec<Entry>);

impl Model {
    fn running(&self, asker: Option<u8>) -> usize {
        self.0.iter().filter(|it| it.runs && asker.is_none_or(|asker| it.asker == asker)).count()
    }

    /// Whom the rules let begin, by looking at everybody.
    fn next(&self, bounds: Bounds) -> Option<usize> {
        let next = self.0.iter().filter(|it| !it.runs);
        let next = next.min_by_key(|it| (self.running(Some(it.asker)), it.ticket))?;
        let newcomer = self.running(Some(next.asker)) == 0;
        let bound = if newcomer { bounds.places } else { bounds.open };
        (self.running(None) < bound).then_some(next.seat)
    }

    fn begin(&mut self, began: Option<usize>, bounds: Bounds) {
        assert_eq!(began, self.next(bounds));
        for entry in self.0.iter_mut().filter(|it| Some(it.seat) == began) {
            entry.runs = true;
        }
        assert_eq!(self.next(bounds), None, "who may begin never waits");
        assert!(self.running(None) <= bounds.places);
    }
}

proptest! {
    #[test]
    fn turns_are_what_plain_lists_say_and_everybody_has_one(
        (places, open) in (1..8_usize).prop_flat_map(|places| (Just(places), 1..=places)),
        steps in vec(step(), 0..120),
    ) {
        let bounds = Bounds { places, open };
        let mut turns = Turns::new(bounds);
        let mut model = Model::default();
        for (step, seat) in steps.into_iter().zip(0..) {
            match step {
                Step::Ask(asker) => {
                    let (ticket, began) = turns.ask(&asker, seat);
                    model.0.push(Entry { ticket, asker, seat, runs: false });
                    model.begin(began, bounds);
                }
                Step::Leave(_) if model.0.is_empty() => {}
                Step::Leave(which) => {
                    let gone = model.0.remove(which.index(model.0.len()));
                    model.begin(turns.leave(&gone.asker, gone.ticket), bounds);
                }
            }
            let running = model.running(None);
            prop_assert_eq!(turns.held(), (running, model.0.len() - running));
        }
        // Nobody starves: as lookups end, each of the rest has its turn.
        while let Some(at) = model.0.iter().position(|it| it.runs) {
            let gone = model.0.remove(at);
            model.begin(turns.leave(&gone.asker, gone.ticket), bounds);
        }
        prop_assert!(model.0.is_empty(), "{:?} never ran", model);
        prop_assert!(turns.askers.is_empty() && turns.order.is_empty());
    }
}
