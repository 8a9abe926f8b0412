//! Messages that go to many members together, as one piece.

use super::{Delivery, Frame};
use smallvec::SmallVec;
use std::sync::Arc;

/// The largest piece, in bytes: beyond it copying costs more than it saves.
const JOINED_BYTES: usize = 64 * 1024;

/// The frames of several messages behind each other in one allocation: each member's queue takes
/// one reference instead of many, and each write one slice.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    frame: Frame,
    /// Who sees some of these messages otherwise.
    authors: SmallVec<[Arc<str>; 2]>,
}

impl Joined {
    /// Joins `deliveries`, unless that is not worth it.
    pub(crate) fn of(deliveries: &[Delivery]) -> Option<Self> {
        let bytes: usize = deliveries.iter().map(|delivery| delivery.frame.len()).sum();
        if deliveries.len() < 2 || bytes > JOINED_BYTES {
            return None;
        }
        let mut authors = SmallVec::new();
        for author in deliveries.iter().filter_map(|delivery| delivery.author.as_ref()) {
            if !authors.contains(&author.user) {
                authors.push(Arc::clone(&author.user));
            }
        }
        let frame = Frame::joined(deliveries.iter().map(|delivery| &delivery.frame));
        Some(Self { frame, authors })
    }

    /// What `user` gets, unless a copy of its own is among the messages.
    pub(crate) fn frame_for<'u>(&self, user: impl Fn() -> &'u str) -> Option<&Frame> {
        let differs = self.authors.iter().any(|author| **author == *user());
        (!differs).then_some(&self.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::AuthorCopy;

    fn delivery(seq: u64, text: &[u8], author: Option<&str>) -> Delivery {
        let frame = Frame::binary(text);
        let copy = |user: &str| AuthorCopy { user: user.into(), frame: frame.clone() };
        Delivery { seq, author: author.map(copy), frame }
    }

    #[test]
    fn frames_stand_behind_each_other_as_they_were() {
        let deliveries = [delivery(1, b"one", None), delivery(2, b"second", None)];
        let joined = Joined::of(&deliveries).expect("worth it");
        let bytes = joined.frame_for(|| "ada").expect("the same for all").as_bytes();
        let [first, second] = deliveries.each_ref().map(|it| it.frame.as_bytes());
        assert_eq!(bytes, [first, second].concat());
    }

    #[test]
    fn an_author_of_one_of_them_is_served_apart() {
        let deliveries = [
            delivery(1, b"1", Some("ada")),
            delivery(2, b"2", None),
            delivery(3, b"3", Some("bob")),
            delivery(4, b"4", Some("ada")),
        ];
        let joined = Joined::of(&deliveries).expect("worth it");
        assert_eq!(joined.authors.len(), 2);
        assert_eq!(joined.frame_for(|| "ada"), None);
        assert_eq!(joined.frame_for(|| "bob"), None);
        assert!(joined.frame_for(|| "cy").is_some());
    }

    #[test]
    fn one_message_or_too_much_is_not_joined() {
        assert!(Joined::of(&[]).is_none());
        assert!(Joined::of(&[delivery(1, b"1", None)]).is_none());
        let large = vec![0; JOINED_BYTES / 2];
        assert!(Joined::of(&[delivery(1, &large, None), delivery(2, &large, None)]).is_none());
    }
}
