//! The outbox against a naive model: the bytes that must reach the wire.

use super::*;
use proptest::{collection::vec, prelude::*};

/// All queued bytes, read through `slices` with room for `at_once` of them.
fn pending(outbox: &Outbox, at_once: usize) -> Vec<u8> {
    let mut slices = vec![IoSlice::new(&[]); at_once];
    let count = outbox.slices(&mut slices);
    slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
}

fn binary(len: usize) -> Frame {
    Frame::binary(&vec![1; len])
}

#[test]
fn what_passes_the_limit_is_refused_and_changes_nothing() {
    let mut outbox = Outbox::new(20);
    assert_eq!(outbox.push(binary(8)), Ok(()));
    assert_eq!(outbox.push(binary(9)), Err(Refused::Full));
    assert_eq!(outbox.bytes(), 10);
    assert_eq!(outbox.push(binary(8)), Ok(()));
    assert_eq!(outbox.bytes(), 20);
}

#[test]
fn an_empty_outbox_takes_one_frame_of_any_size() {
    let mut outbox = Outbox::new(10);
    assert!(outbox.takes(1_000));
    assert_eq!(outbox.push(binary(500)), Ok(()));
    assert!(!outbox.takes(2));
    assert_eq!(outbox.push(binary(0)), Err(Refused::Full));
    outbox.advance(1_000);
    assert!(outbox.is_empty() && outbox.takes(1_000));
}

#[test]
fn a_close_goes_in_over_the_limit_and_seals() {
    let mut outbox = Outbox::new(10);
    outbox.push(binary(8)).unwrap();
    outbox.close(Frame::close(Some(1000), "normal"));
    outbox.close(Frame::close(Some(1011), "second"));
    assert_eq!(outbox.push(binary(0)), Err(Refused::Sealed));
    assert!(outbox.is_sealed() && !outbox.is_empty() && !outbox.takes(1));
    let mut wire = binary(8).as_bytes().to_vec();
    wire.extend_from_slice(Frame::close(Some(1000), "normal").as_bytes());
    assert_eq!(pending(&outbox, 4), wire);
    outbox.cut();
    assert_eq!(pending(&outbox, 4), wire, "a sealed outbox is not cut");
    outbox.advance(wire.len());
    assert!(outbox.is_sealed() && outbox.is_empty());
    outbox.close(Frame::close(Some(1011), "third"));
    assert!(outbox.is_sealed() && outbox.is_empty());
}

#[test]
fn a_cut_keeps_the_frame_that_was_begun() {
    let mut outbox = Outbox::new(100);
    outbox.push(binary(8)).unwrap();
    outbox.push(binary(20)).unwrap();
    outbox.advance(3);
    outbox.cut();
    assert_eq!(pending(&outbox, 4), &binary(8).as_bytes()[3..]);
    assert_eq!(outbox.bytes(), 7);
    outbox.advance(7);
    outbox.push(binary(20)).unwrap();
    outbox.cut();
    assert!(outbox.is_empty());
}

#[test]
fn marks_lie_at_a_quarter_and_at_half() {
    let mut outbox = Outbox::new(100);
    outbox.push(binary(23)).unwrap();
    assert!(outbox.below_low_mark());
    assert!(outbox.takes(25) && !outbox.takes(26));
    assert!(outbox.takes_lightly(0) && !outbox.takes_lightly(1));
    assert_eq!(outbox.room_share(), 50);
    outbox.push(binary(0)).unwrap();
    assert!(!outbox.below_low_mark());
}

#[test]
fn an_outbox_with_one_frame_or_none_owns_no_queue() {
    let mut outbox = Outbox::new(100);
    outbox.push(binary(1)).unwrap();
    assert!(outbox.rest.is_none(), "one frame needs none");
    outbox.push(binary(1)).unwrap();
    assert!(outbox.rest.is_some());
    outbox.advance(3);
    assert!(outbox.rest.is_none() && !outbox.is_empty());
    outbox.push(binary(1)).unwrap();
    outbox.cut();
    assert!(outbox.rest.is_none() && outbox.is_empty());
    (0..2).for_each(|_| outbox.push(binary(1)).unwrap());
    let idle = pool::idle();
    drop(outbox);
    assert_eq!(pool::idle(), idle + 1, "a dropped outbox gives its queue back");
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Close,
    Cut,
    Advance(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop_oneof![0..40_usize, 120..130_usize].prop_map(Step::Push),
        1 => Just(Step::Close),
        2 => Just(Step::Cut),
        8 => prop_oneof![0..50_usize, 0..800_usize].prop_map(Step::Advance),
    ]
}

/// The obvious outbox: whole frames not begun, and the rest of the one that was.
#[derive(Default)]
struct Model {
    begun: Vec<u8>,
    whole: Vec<Vec<u8>>,
    sealed: bool,
}

impl Model {
    fn wire(&self) -> Vec<u8> {
        [self.begun.clone(), self.whole.concat()].concat()
    }

    fn advance(&mut self, mut n: usize) {
        loop {
            let part = n.min(self.begun.len());
            self.begun.drain(..part);
            n -= part;
            if n == 0 || self.whole.is_empty() {
                return;
            }
            self.begun = self.whole.remove(0);
        }
    }
}

proptest! {
    #[test]
    fn the_wire_is_what_the_model_says(limit in 0..1_000_u32, steps in vec(step(), 1..60)) {
        let mut outbox = Outbox::new(limit);
        let mut model = Model::default();
        let limit = limit as usize;
        for (mark, step) in steps.into_iter().enumerate() {
            let queued = model.wire().len();
            match step {
                Step::Push(len) => {
                    let frame = Frame::binary(&vec![mark as u8; len]);
                    let expected = if model.sealed {
                        Err(Refused::Sealed)
                    } else if queued > 0 && queued + frame.len() > limit {
                        Err(Refused::Full)
                    } else {
                        model.whole.push(frame.as_bytes().to_vec());
                        Ok(())
                    };
                    prop_assert_eq!(outbox.push(frame), expected);
                }
                Step::Close => {
                    let frame = Frame::close(Some(1000), &mark.to_string());
                    if !model.sealed {
                        model.whole.push(frame.as_bytes().to_vec());
                        model.sealed = true;
                    }
                    outbox.close(frame);
                }
                Step::Cut => {
                    if !model.sealed {
                        model.whole.clear();
                    }
                    outbox.cut();
                }
                Step::Advance(n) => {
                    model.advance(n);
                    outbox.advance(n);
                }
            }
            let wire = model.wire();
            prop_assert_eq!(outbox.bytes(), wire.len());
            prop_assert_eq!(&pending(&outbox, 100), &wire);
            prop_assert!(wire.starts_with(&pending(&outbox, 2)));
            prop_assert_eq!(outbox.is_empty(), wire.is_empty());
            prop_assert_eq!(outbox.first.is_none(), wire.is_empty());
            prop_assert_eq!(outbox.is_sealed(), model.sealed);
            prop_assert_eq!(outbox.below_low_mark(), wire.len() <= limit / 4);
            let takes = wire.is_empty() || wire.len() + 50 <= limit / 2;
            prop_assert_eq!(outbox.takes(50), !model.sealed && takes);
        }
    }
}
