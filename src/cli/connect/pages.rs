//! `/history` and `/earlier`: what a room remembers, page by page.

use super::{super::outcome::Failure, screen::Screen};
use crate::client::{BoxError, HistoryReceived, Reconnecting};

/// Which page somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// So many of the newest messages.
    Newest(u32),
    /// So many before the first of the last page.
    Earlier(u32),
}

/// Where the last page began.
#[derive(Debug, Default)]
pub(super) struct Pages {
    last: Option<(String, u64)>,
}

impl Pages {
    /// Asks for a page of `room`.
    pub(super) fn ask<T: AsyncFnMut() -> Result<String, BoxError>>(
        &self,
        chat: &mut Reconnecting<T>,
        screen: Screen,
        (room, look): (&str, Look),
    ) {
        let (before, count) = match look {
            Look::Newest(count) => (None, count),
            Look::Earlier(count) => match &self.last {
                Some((of, first)) if of == room => (Some(*first), count),
                Some(_) | None => return screen.note("nothing is known to be earlier: /history"),
            },
        };
        if !chat.history(room, before, count) {
            screen.note(&format!("not in {room} just now"));
        }
    }

    /// Shows a page and notes where it begins.
    pub(super) fn show(&mut self, screen: Screen, page: &HistoryReceived) -> Result<(), Failure> {
        let numbers = || page.messages.iter().filter_map(|message| message.seq);
        let span = numbers().min().zip(numbers().max());
        self.last = span.filter(|_| page.more).map(|(first, _)| (page.room.clone(), first));
        let earlier =
            if page.more { ", and earlier ones (/earlier)" } else { ", and none earlier" };
        screen.note(&match span {
            Some((first, last)) => format!("{} remembers {first} to {last}{earlier}:", page.room),
            None => format!("{} remembers nothing", page.room),
        });
        page.messages.iter().try_for_each(|message| screen.message(message))
    }
}
