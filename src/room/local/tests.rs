//! Members as cursors: by example, and in every order that requests and slow readers can make.

mod world;

use super::*;
use proptest::prelude::*;
use world::{Heard, PAGE, World};

fn messages(range: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = Heard> {
    range.map(Heard::Message)
}

#[test]
fn joined_comes_first_then_what_was_missed_then_what_is_live_and_left_last() {
    let mut world = World::new(100, 1 << 20);
    (0..5).for_each(|_| world.publish(1));
    let (fresh, back) = (world.join(None), world.join(Some(2)));
    world.publish(1);
    world.leave(back);
    world.publish(1);
    world.settle();
    let expected: Vec<_> = [Heard::Joined(5)].into_iter().chain(messages(6..=7)).collect();
    assert_eq!(world.heard(fresh), expected);
    let expected = [Heard::Joined(5)].into_iter().chain(messages(3..=6)).chain([Heard::Left]);
    assert_eq!(world.heard(back), expected.collect::<Vec<_>>());
    world.check();
}

#[test]
fn a_full_outbox_makes_a_reader_of_history_and_the_head_makes_it_live() {
    let mut world = World::new(1_000, 1_000);
    let (slow, fast) = (world.join(None), world.join(None));
    for _ in 0..100 {
        world.publish(10);
        world.turn(10);
        world.read(fast, usize::MAX);
    }
    assert_eq!(world.cursor(fast), Cursor::Live);
    let Cursor::CatchingUp { next_seq } = world.cursor(slow) else { panic!("overflow") };
    assert!(next_seq > 2 && world.hall.guests[&slow].outbox.bytes() <= 500, "half of the limit");
    assert!(!world.active, "nobody is hungry");
    world.read(slow, 300);
    assert!(world.active, "below the low mark it reads on");
    world.check();
    assert_eq!(world.cursor(slow), Cursor::Live);
}

#[test]
fn a_member_that_is_gone_and_not_taken_out_keeps_no_old_position() {
    let mut world = World::new(100, 1 << 20);
    let gone = world.join(None);
    world.settle();
    world.count_out(gone);
    (0..3).for_each(|_| world.publish(1));
    let next = world.join(None);
    world.settle();
    world.remove(gone);
    world.publish(1);
    world.check();
    assert_eq!(world.heard(next), [Heard::Joined(3), Heard::Message(4)]);
}

#[test]
fn a_quantum_may_end_within_a_batch_and_members_go_meanwhile() {
    let mut world = World::new(100, 1 << 20);
    let all: Vec<u32> = (0..6).map(|_| world.join(None)).collect();
    world.turn(100);
    (0..3).for_each(|_| world.publish(1));
    world.turn(2);
    assert!(world.active);
    // One that was served, the one that is next, the last one; and a newcomer at a free place.
    let gone = [all[0], all[2], all[5]].map(|index| world.remove(index));
    let late = world.join(None);
    let message = world.hall.guests.len();
    assert_eq!(message, 4);
    world.publish(1);
    world.check();
    assert_eq!(world.heard(late), [Heard::Joined(3), Heard::Message(4)]);
    for index in [all[1], all[3], all[4]] {
        let expected: Vec<_> = [Heard::Joined(0)].into_iter().chain(messages(1..=4)).collect();
        assert_eq!(world.heard(index), expected);
    }
    for mut guest in gone {
        guest.read(usize::MAX);
        guest.check();
    }
}

#[test]
fn the_last_member_may_go_within_a_batch() {
    let mut world = World::new(100, 1 << 20);
    let all: Vec<u32> = (0..3).map(|_| world.join(None)).collect();
    world.turn(100);
    world.publish(1);
    world.turn(1);
    all.into_iter().for_each(|index| {
        world.remove(index);
    });
    world.publish(1);
    let late = world.join(None);
    world.check();
    assert_eq!(world.heard(late), [Heard::Joined(2)]);
}

#[test]
fn whoever_needs_what_is_forgotten_is_lost_once() {
    let mut world = World::new(5, 1_000);
    let (slow, fast) = (world.join(None), world.join(None));
    for _ in 0..50 {
        world.publish(10);
        world.turn(10);
        world.read(fast, usize::MAX);
    }
    world.read(slow, usize::MAX);
    world.turn(10);
    assert!(world.hall.guests[&slow].lost);
    assert!(!world.active, "a lost member is not served again");
    world.remove(slow).check();
    world.check();
}

#[test]
fn a_second_join_is_answered_and_takes_no_second_place() {
    let mut world = World::new(100, 1 << 20);
    let ann = world.join(None);
    world.publish(1);
    world.join_again(ann);
    world.publish(1);
    world.check();
    let expected = [Heard::Joined(0), Heard::Message(1), Heard::Joined(1), Heard::Message(2)];
    assert_eq!(world.heard(ann), expected);
}

#[test]
fn joins_draw_on_the_quantum_too() {
    let mut world = World::new(100, 1 << 20);
    (0..20).for_each(|_| {
        world.join(None);
    });
    world.turn(8);
    assert_eq!((world.local.members.len(), world.active), (8, true));
    world.check();
}

#[test]
fn a_page_draws_on_the_quantum_by_its_messages() {
    let mut world = World::new(100, 1 << 20);
    let ann = world.join(None);
    (0..10).for_each(|_| world.look_back(ann));
    world.turn(1 + 2 * (1 + PAGE));
    assert_eq!(world.heard(ann), [Heard::Joined(0), Heard::LookedBack, Heard::LookedBack]);
    assert!(world.active);
    world.turn(1);
    assert!(world.active, "more than the quantum is nothing left of it");
    world.check();
}

#[test]
fn ephemeral_messages_and_looks_back_keep_to_the_order_of_the_room() {
    let mut world = World::new(100, 1 << 20);
    let early = world.join(None);
    world.publish(1);
    world.emit();
    let late = world.join(None);
    world.look_back(late);
    world.emit();
    world.publish(1);
    world.leave(late);
    world.emit();
    world.check();
    use Heard::{Ephemeral, Joined, Left, LookedBack, Message};
    let all = [Joined(0), Message(1), Ephemeral(1), Ephemeral(2), Message(2), Ephemeral(3)];
    assert_eq!(world.heard(early), all);
    assert_eq!(world.heard(late), [Joined(1), LookedBack, Ephemeral(2), Message(2), Left]);
}

#[test]
fn who_has_no_space_misses_ephemeral_messages_and_nothing_else() {
    let mut world = World::new(1_000, 1_000);
    let slow = world.join(None);
    for _ in 0..100 {
        world.emit();
        world.turn(10);
    }
    assert_eq!(world.cursor(slow), Cursor::Live, "they make nobody fall behind");
    assert!(world.hall.guests[&slow].outbox.bytes() <= 250, "a quarter of the limit");
    world.publish(100);
    world.turn(10);
    assert_eq!(world.cursor(slow), Cursor::Live, "there is space behind them");
    for _ in 0..20 {
        world.publish(10);
        world.emit();
        world.turn(10);
    }
    assert!(matches!(world.cursor(slow), Cursor::CatchingUp { .. }));
    world.check();
    let heard = world.heard(slow);
    let messages = heard.iter().filter(|heard| matches!(heard, Heard::Message(_))).count();
    assert_eq!(messages, 21);
    assert!(heard.len() < 100, "{}", heard.len());
}

#[test]
fn a_room_that_coalesces_speaks_at_once_and_then_at_intervals() {
    let mut world = World::new(100, 1 << 20);
    world.local.manner.coalesce_ms = 10;
    let members: Vec<u32> = (0..5).map(|_| world.join(None)).collect();
    world.turn(100);
    let hears = |world: &mut World, after_ms: u64, publishes: u64| {
        world.wait(after_ms);
        (0..publishes).for_each(|_| world.publish(1));
        world.turn(100);
        let offers = std::mem::take(&mut world.hall.offers);
        (world.heard(members[0]).len() - 1, offers / members.len())
    };
    assert_eq!(hears(&mut world, 0, 1), (1, 1), "the first one goes at once");
    assert_eq!(hears(&mut world, 4, 2), (1, 0));
    assert_eq!(hears(&mut world, 5, 1), (1, 0));
    assert_eq!(hears(&mut world, 1, 0), (4, 1), "the others together");
    assert_eq!(hears(&mut world, 9, 1), (4, 0), "and again an interval");
    assert_eq!(hears(&mut world, 1, 1), (6, 1));
    assert_eq!(hears(&mut world, 10, 1), (7, 1), "after a pause at once");
    assert_eq!(hears(&mut world, 1, 63), (7, 0));
    assert_eq!(hears(&mut world, 1, 1), (71, 1), "what fills a batch does not wait");
    world.publish(1);
    let late = world.join(None);
    world.turn(100);
    assert_eq!(world.heard(late), [Heard::Joined(72)], "nobody's request waits");
    world.check();
}

#[test]
fn what_waited_goes_together_whatever_it_is() {
    let mut world = World::new(100, 1 << 20);
    world.local.manner.coalesce_ms = 1_000;
    let member = world.join(None);
    world.publish(1);
    world.turn(100);
    for _ in 0..5 {
        world.publish(1);
        world.emit();
    }
    world.turn(100);
    assert_eq!(world.heard(member).len(), 1 + 1);
    world.wait(1_000);
    world.turn(100);
    assert_eq!(world.heard(member).len(), 1 + 1 + 10);
    (0..2).for_each(|_| world.publish(HELD_BYTES / 2));
    world.turn(100);
    assert_eq!(world.heard(member).len(), 1 + 1 + 10 + 2, "large ones do not wait");
}

#[test]
fn a_room_without_anybody_holds_nothing_back() {
    let mut world = World::new(100, 1 << 20);
    world.local.manner.coalesce_ms = 1_000;
    let only = world.join(None);
    world.publish(1);
    world.turn(100);
    world.publish(1);
    world.turn(100);
    assert!(world.comes_back.is_some());
    world.remove(only);
    assert!(world.local.is_deserted(), "the worker serves it");
    world.active = true;
    world.turn(100);
    assert!(world.local.is_spent());
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Emit,
    LookBack(usize),
    Publish(usize),
    Join(Option<u64>),
    JoinAgain(usize),
    Leave(usize),
    Remove(usize),
    Read(usize, usize),
    Turn(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let guest = || 0_usize..1_000;
    prop_oneof![
        6 => (0_usize..200).prop_map(Step::Publish),
        3 => Just(Step::Emit),
        3 => (0_u64..10).prop_map(Step::Wait),
        1 => guest().prop_map(Step::LookBack),
        2 => proptest::option::of(0_u64..60).prop_map(Step::Join),
        1 => guest().prop_map(Step::JoinAgain),
        1 => guest().prop_map(Step::Leave),
        1 => guest().prop_map(Step::Remove),
        4 => (guest(), 0_usize..2_000).prop_map(|(guest, bytes)| Step::Read(guest, bytes)),
        6 => (1_usize..8).prop_map(Step::Turn),
    ]
}

proptest! {
    #[test]
    fn every_member_gets_every_message_from_its_start_once_and_in_order(
        outbox_bytes in 600_u32..3_000,
        coalesce_ms in prop_oneof![Just(0_u16), 1_u16..10],
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut world = World::new(1_000, outbox_bytes);
        world.local.manner.coalesce_ms = coalesce_ms;
        for step in steps {
            let all: Vec<u32> = world.hall.guests.keys().copied().collect();
            let pick = |at: usize| (!all.is_empty()).then(|| all[at % all.len()]);
            match step {
                Step::Publish(bytes) => world.publish(bytes),
                Step::Emit => world.emit(),
                Step::Wait(ms) => world.wait(ms),
                Step::LookBack(at) => {
                    let member = pick(at).filter(|it| world.hall.guests[it].counted);
                    member.into_iter().for_each(|it| world.look_back(it));
                }
                Step::Join(since) => {
                    world.join(since);
                }
                Step::Turn(quantum) => world.turn(quantum),
                Step::Read(at, bytes) => pick(at).into_iter().for_each(|it| world.read(it, bytes)),
                Step::Leave(at) => pick(at).into_iter().for_each(|it| world.leave(it)),
                Step::JoinAgain(at) => {
                    let member = pick(at).filter(|it| world.hall.guests[it].counted);
                    member.into_iter().for_each(|it| world.join_again(it));
                }
                Step::Remove(at) => {
                    if let Some(mut guest) = pick(at).map(|it| world.remove(it)) {
                        guest.read(usize::MAX);
                        guest.check();
                    }
                }
            }
        }
        world.check();
    }
}

#[test]
fn a_room_that_was_large_forgets_its_empty_places() {
    let mut world = World::new(100, 1 << 20);
    let members: Vec<u32> = (0..50).map(|_| world.join(None)).collect();
    world.settle();
    assert_eq!(world.local.places, 50);
    for &member in members.get(1..).unwrap_or_default() {
        world.remove(member);
    }
    assert_eq!(world.local.places, 1);
    world.publish(1);
    world.settle();
    world.check();
}
