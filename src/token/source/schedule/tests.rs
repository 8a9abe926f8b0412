//! The schedule, case by case, and against its rules under chance.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const BOUNDS: Bounds = Bounds::REMOTE;
/// Chance takes nothing off.
const NONE: Jitter = Jitter::from_bits(0);
/// Chance takes as much off as it can.
const ALL: Jitter = Jitter::from_bits(u32::MAX);
const FOREVER: Time = Time::from_ms(u64::MAX);

fn at(s: u64) -> Time {
    Time::from_ms(s * 1_000)
}

/// A source whose first set came at 0 s and is fresh for 600 s.
fn fetched() -> Schedule {
    let mut schedule = Schedule::new(BOUNDS, at(0));
    assert_eq!(schedule.poll(at(0)), Step::Fetch);
    schedule.succeeded(at(0), None, NONE, |_| false);
    schedule
}

/// Lets a flight begin and end at `now`.
fn fly(schedule: &mut Schedule, now: Time, works: bool) {
    assert_eq!(schedule.poll(now), Step::Fetch, "at {now:?}");
    match works {
        true => schedule.succeeded(now, None, NONE, |_| false),
        false => schedule.failed(now, NONE),
    }
}

#[test]
fn is_asked_at_once_and_never_twice_at_a_time() {
    let mut schedule = Schedule::new(BOUNDS, at(5));
    assert_eq!(schedule.poll(at(5)), Step::Fetch);
    assert_eq!(schedule.poll(at(6)), Step::Wait(FOREVER));
    schedule.ask(1, at(7));
    assert_eq!(schedule.poll(at(1_000)), Step::Wait(FOREVER));
    schedule.failed(at(1_000), NONE);
    assert_eq!(schedule.poll(at(1_000)), Step::Wait(at(1_001)));
}

#[test]
fn the_time_that_a_set_is_fresh_has_bounds() {
    let table = [
        (None, 600),
        (Some(0), 60),
        (Some(59_999), 60),
        (Some(3_600_000), 3_600),
        (Some(86_400_001), 86_400),
        (Some(u64::MAX), 86_400),
    ];
    for (fresh_ms, expected_s) in table {
        for (jitter, least_ms) in [(NONE, expected_s * 1_000), (ALL, expected_s * 900)] {
            let mut schedule = Schedule::new(BOUNDS, at(0));
            schedule.poll(at(0));
            schedule.succeeded(at(10), fresh_ms, jitter, |_| false);
            let Step::Wait(next) = schedule.poll(at(10)) else { panic!("fresh") };
            let off = next.since(at(10)) - least_ms;
            assert!(off <= 1, "{fresh_ms:?}: {off} ms off");
            // Chance moves the next fetch, never the end.
            assert_eq!(schedule.over(), Some(at(10 + expected_s + 3_600)));
        }
    }
}

#[test]
fn pauses_double_up_to_the_longest() {
    let mut schedule = Schedule::new(BOUNDS, at(0));
    let mut now = at(0);
    for expected_s in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        fly(&mut schedule, now, false);
        now = now + expected_s * 1_000;
        assert_eq!(schedule.next, now, "after {expected_s} s");
    }
    // However long it lasts, nothing overflows.
    schedule.failures = u32::MAX;
    schedule.flying = Some(now);
    schedule.failed(now, ALL);
    assert_eq!(schedule.next.since(now), 45_001);
    schedule.flying = Some(now);
    schedule.succeeded(now, None, NONE, |_| false);
    schedule.flying = Some(now);
    schedule.failed(now, NONE);
    assert_eq!(schedule.next.since(now), 1_000, "a success begins anew");
}

#[test]
fn a_set_counts_beyond_its_freshness_while_the_source_fails() {
    let mut schedule = fetched();
    fly(&mut schedule, at(600), false);
    assert_eq!(schedule.refusal(1, at(4_199)), KeyRefusal::Unsettled);
    assert_eq!(schedule.over(), Some(at(4_200)));
    assert_eq!(schedule.refusal(1, at(4_200)), KeyRefusal::SourceDown);
    assert_eq!(schedule.ask(1, at(4_200)), Asked::Wait(3), "a retry is due");
    fly(&mut schedule, at(4_200), true);
    assert_eq!(schedule.over(), Some(at(8_400)));
}

#[test]
fn a_kid_that_is_not_there_is_asked_for_once() {
    let mut schedule = fetched();
    assert_eq!(schedule.refusal(1, at(100)), KeyRefusal::Unsettled);
    assert_eq!(schedule.ask(1, at(100)), Asked::Wait(2));
    assert_eq!(schedule.ask(1, at(100)), Asked::Wait(2), "nobody polled yet");
    assert_eq!(schedule.poll(at(100)), Step::Fetch);
    assert_eq!(schedule.ask(2, at(100)), Asked::Wait(2), "all share it");
    schedule.succeeded(at(101), None, NONE, |_| false);
    assert_eq!(schedule.refusal(1, at(101)), KeyRefusal::Unknown);
    assert_eq!(schedule.ask(1, at(129)), Asked::Settled(KeyRefusal::Unknown));
    assert_eq!(schedule.poll(at(129)), Step::Wait(at(701)));
    // Its life is over: it may have been published meanwhile.
    assert_eq!(schedule.ask(1, at(130)), Asked::Wait(3));
}

#[test]
fn within_the_cool_down_nothing_is_settled_and_the_fetch_comes_after_it() {
    let mut schedule = fetched();
    schedule.ask(1, at(100));
    fly(&mut schedule, at(100), true);
    assert_eq!(schedule.ask(2, at(101)), Asked::Settled(KeyRefusal::Unsettled));
    assert_eq!(schedule.poll(at(101)), Step::Wait(at(110)));
    assert_eq!(schedule.refusal(2, at(109)), KeyRefusal::Unsettled);
    fly(&mut schedule, at(110), true);
    assert_eq!(schedule.refusal(2, at(110)), KeyRefusal::Unknown);
}

#[test]
fn a_question_during_a_flight_is_not_answered_by_it() {
    let mut schedule = fetched();
    schedule.ask(1, at(100));
    assert_eq!(schedule.poll(at(100)), Step::Fetch);
    // Published after the source answered, used before the answer arrived.
    assert_eq!(schedule.ask(2, at(101)), Asked::Wait(2));
    schedule.succeeded(at(102), None, NONE, |_| false);
    assert_eq!(schedule.refusal(1, at(102)), KeyRefusal::Unknown);
    assert_eq!(schedule.refusal(2, at(102)), KeyRefusal::Unsettled);
    assert_eq!(schedule.poll(at(102)), Step::Wait(at(110)), "asked again by itself");
    // Unless the flight brought it after all.
    let mut schedule = fetched();
    schedule.ask(1, at(100));
    schedule.poll(at(100));
    schedule.ask(2, at(101));
    schedule.succeeded(at(102), None, NONE, |mark| mark == 2);
    assert_eq!(schedule.poll(at(102)), Step::Wait(at(702)));
}

#[test]
fn questions_do_not_hurry_a_source_that_fails() {
    let mut schedule = fetched();
    fly(&mut schedule, at(600), false);
    fly(&mut schedule, at(601), false);
    assert_eq!(schedule.ask(1, at(602)), Asked::Settled(KeyRefusal::Unsettled));
    assert_eq!(schedule.poll(at(602)), Step::Wait(at(603)));
    // Nor one that never answered.
    let mut schedule = Schedule::new(BOUNDS, at(0));
    assert_eq!(schedule.ask(1, at(0)), Asked::Wait(1), "the first fetch is about to begin");
    fly(&mut schedule, at(0), false);
    assert_eq!(schedule.ask(1, at(0)), Asked::Settled(KeyRefusal::SourceDown));
    assert_eq!(schedule.poll(at(0)), Step::Wait(at(1)));
}

#[test]
fn no_source_is_asked_more_than_seven_times_in_ten_seconds() {
    // The worst: it fails, answers once, and fails again when it is asked for an unknown `kid`.
    let mut schedule = Schedule::new(BOUNDS, at(0));
    let mut answers = [false, false, true].into_iter();
    let mut begun = Vec::new();
    let mut now = at(0);
    while begun.len() < 8 {
        schedule.ask(begun.len() as Mark, now);
        match schedule.poll(now) {
            Step::Wait(until) => now = until,
            Step::Fetch => {
                begun.push(now);
                match answers.next().unwrap_or(false) {
                    true => schedule.succeeded(now, None, ALL, |_| false),
                    false => schedule.failed(now, ALL),
                }
            }
        }
    }
    assert!(begun[6] < at(10) && begun[7] >= at(10), "{begun:?}");
}

#[test]
fn can_be_hurried() {
    let mut schedule = fetched();
    schedule.hurry(at(50));
    assert_eq!(schedule.poll(at(50)), Step::Fetch);
    schedule.hurry(at(51));
    assert_eq!(schedule.poll(at(51)), Step::Wait(FOREVER));
}

#[test]
fn the_end_of_no_flight_changes_nothing() {
    let mut schedule = fetched();
    schedule.succeeded(at(50), Some(0), NONE, |_| true);
    schedule.failed(at(50), NONE);
    assert_eq!(schedule.poll(at(50)), Step::Wait(at(600)));
}

#[test]
fn a_file_counts_until_there_is_a_better_one() {
    let mut schedule = Schedule::new(Bounds::FILE, at(0));
    fly(&mut schedule, at(0), true);
    for s in 1..10_000 {
        fly(&mut schedule, at(2 * s), false);
    }
    assert_eq!(schedule.refusal(1, Time::from_ms(u64::MAX - 1)), KeyRefusal::Unsettled);
}

/// What chance does to a schedule.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Ask(Mark),
    Land { works: bool, fresh_ms: Option<u64>, jitter: u32, known: Mark },
}

fn event() -> impl Strategy<Value = Event> {
    let pass = prop_oneof![0_u64..2_000, 0_u64..20_000, 0_u64..700_000].prop_map(Event::Pass);
    let fresh = prop::option::of(prop_oneof![0_u64..120_000, any::<u64>()]);
    let land = (any::<bool>(), fresh, any::<u32>(), 0_u64..6).prop_map(
        |(works, fresh_ms, jitter, known)| Event::Land { works, fresh_ms, jitter, known },
    );
    prop_oneof![4 => pass, 4 => (0_u64..6).prop_map(Event::Ask), 3 => land]
}

/// A flight, as it was seen from outside.
#[derive(Clone, Copy, Debug)]
struct Seen {
    began: u64,
    ended: Option<(u64, bool)>,
    by_itself: bool,
}

/// The source as its owner and the askers see it: every rule is judged from here.
#[derive(Default)]
struct Watch {
    flights: Vec<Seen>,
    first_asked: HashMap<Mark, u64>,
    over: Option<u64>,
}

impl Watch {
    fn failures(&self) -> u32 {
        let failed = |seen: &&Seen| seen.ended.is_some_and(|(_, works)| !works);
        let landed = self.flights.iter().rev().filter(|seen| seen.ended.is_some());
        landed.take_while(failed).count() as u32
    }

    fn begin(&mut self, now: u64, by_itself: bool) {
        if let Some(last) = self.flights.last() {
            let (ended, works) = last.ended.expect("single flight");
            if !works {
                let pause = (1_000_u64 << (self.failures() - 1).min(20)).min(60_000);
                assert!(now - ended >= pause - pause / 4, "a pause of {} ms", now - ended);
                assert!(by_itself, "asked for while it fails");
            } else if by_itself {
                assert!(now - ended >= 54_000, "fresh for {} ms", now - ended);
            }
        }
        if !by_itself {
            let asked = self.flights.iter().rev().find(|seen| !seen.by_itself);
            assert!(asked.is_none_or(|last| now - last.began >= 10_000), "no cool-down");
        }
        self.flights.push(Seen { began: now, ended: None, by_itself });
    }

    /// The bounds that docs/keys.md states: over ten seconds whatever the source does, and over
    /// every stretch of one that always answers.
    fn judge_total(&self) {
        let answers: Vec<u64> = self.flights.iter().map(|seen| seen.began).collect();
        for from in &answers {
            let count = answers.iter().filter(|at| (*from..from + 10_000).contains(at)).count();
            assert!(count <= 7, "{count} fetches in ten seconds from {from} ms on");
        }
        if self.flights.iter().any(|seen| seen.ended.is_some_and(|(_, works)| !works)) {
            return;
        }
        for (at, from) in answers.iter().enumerate() {
            for (more, to) in answers.iter().skip(at).enumerate() {
                let ms = to - from;
                let bound = 2 + ms / 10_000 + ms / 54_000;
                assert!((more as u64) < bound, "{} fetches in {ms} ms", more + 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn keeps_its_rules(events in prop::collection::vec(event(), 1..120), lucky in any::<bool>()) {
        let mut schedule = Schedule::new(BOUNDS, Time::from_ms(0));
        let mut watch = Watch::default();
        let mut now = 0;
        for event in events {
            match event {
                Event::Pass(ms) => now += ms,
                Event::Ask(mark) => {
                    let asked = schedule.ask(mark, Time::from_ms(now));
                    let flights = watch.flights.len() as u64;
                    if let Asked::Wait(flight) = asked {
                        prop_assert!(flight == flights || flight == flights + 1);
                    }
                    let usable = watch.over.is_some_and(|over| now < over);
                    let settled = watch.flights.iter().any(|seen| {
                        let asked = watch.first_asked.get(&mark);
                        let works = seen.ended.is_some_and(|(_, works)| works);
                        works && asked.is_some_and(|asked| *asked <= seen.began)
                    });
                    match asked {
                        Asked::Settled(KeyRefusal::Unknown) => prop_assert!(usable && settled),
                        Asked::Settled(KeyRefusal::SourceDown) => prop_assert!(!usable),
                        Asked::Settled(KeyRefusal::Unsettled) => prop_assert!(usable),
                        Asked::Settled(KeyRefusal::Unnamed) => prop_assert!(false),
                        Asked::Wait(_) => {}
                    }
                    let first = *watch.first_asked.entry(mark).or_insert(now);
                    if now >= first + BOUNDS.unknown_ms {
                        watch.first_asked.insert(mark, now);
                    }
                }
                Event::Land { works, fresh_ms, jitter, known } => {
                    let works = works || lucky;
                    let Some(seen) = watch.flights.last_mut() else { continue };
                    if seen.ended.is_some() {
                        continue;
                    }
                    seen.ended = Some((now, works));
                    let (time, jitter) = (Time::from_ms(now), Jitter::from_bits(jitter));
                    if works {
                        schedule.succeeded(time, fresh_ms, jitter, |mark| mark == known);
                        watch.first_asked.remove(&known);
                        let fresh = fresh_ms.unwrap_or(600_000).clamp(60_000, 86_400_000);
                        watch.over = Some(now + fresh + 3_600_000);
                        prop_assert_eq!(schedule.over().map(Time::as_ms), watch.over);
                    } else {
                        schedule.failed(time, jitter);
                    }
                }
            }
            let by_itself = Time::from_ms(now) >= schedule.next;
            match schedule.poll(Time::from_ms(now)) {
                Step::Fetch => watch.begin(now, by_itself),
                Step::Wait(until) => {
                    prop_assert!(until.as_ms() > now, "it would spin");
                    let flying = watch.flights.last().is_some_and(|seen| seen.ended.is_none());
                    prop_assert_eq!(until == FOREVER, flying, "it would sleep for ever");
                }
            }
        }
        watch.judge_total();
    }
}
