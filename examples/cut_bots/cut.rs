//! How a connection is cut: drawn beforehand, done to the bytes.

use crate::{dice::Dice, wire::Wire};
use std::time::Duration;
use tokio::time::timeout;

/// How long a cut waits for a frame of the server to begin.
const FRAME_WAIT: Duration = Duration::from_secs(1);
/// The first bytes of a frame of the server that are read before the cut.
const FIRST_BYTES: usize = 12;
/// One connection in so many is cut while it still comes back.
const HASTY: usize = 10;
/// And how soon at the latest.
const HASTE: Duration = Duration::from_millis(5);

/// A way to lose a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A FIN between two frames.
    Finish,
    /// A RST between two frames.
    Reset,
    /// In the middle of a frame of ours: FIN or RST.
    HalfSent,
    /// In the middle of a frame of the server: RST.
    HalfRead,
    /// Not a word: the socket stays open, and nobody reads it.
    Silence,
}

impl Cut {
    /// All of them, with the name that the report gives them.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Finish, "fin"),
        (Self::Reset, "reset"),
        (Self::HalfSent, "half_sent"),
        (Self::HalfRead, "half_read"),
        (Self::Silence, "silent"),
    ];

    /// Each as likely as the others.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let (cut, _) = Self::ALL.get(dice.below(Self::ALL.len())).copied().unwrap_or(Self::ALL[0]);
        cut
    }

    /// After how long, from the beginning of a connection.
    pub(crate) fn after(dice: &mut Dice, shortest: Duration, longest: Duration) -> Duration {
        match dice.once_in(HASTY) {
            true => dice.between(Duration::ZERO, HASTE),
            false => dice.between(shortest, longest),
        }
    }

    /// Cuts `wire`, and says `text` before, in part or as a whole, without waiting for its `ack`.
    /// Gives back a wire that fell silent.
    pub(crate) async fn strike(
        self,
        mut wire: Wire,
        text: Option<&str>,
        dice: &mut Dice,
    ) -> Option<Wire> {
        // A line that the server has just closed is cut as well.
        if let (Some(text), Self::Finish | Self::Reset | Self::Silence) = (text, self) {
            let _ = wire.say(text).await;
        }
        match self {
            Self::Finish => finish(wire),
            Self::Reset => wire.reset(),
            Self::HalfSent => {
                let share = dice.between(Duration::ZERO, Duration::from_secs(1)).as_secs_f64();
                let _ = wire.say_part(text.unwrap_or_default(), share).await;
                if dice.once_in(2) { finish(wire) } else { wire.reset() }
            }
            Self::HalfRead => {
                // A quiet room says nothing for a while: then this is a plain reset.
                let _ = timeout(FRAME_WAIT, wire.begin_frame(FIRST_BYTES)).await;
                wire.reset();
            }
            Self::Silence => return Some(wire),
        }
        None
    }
}

/// The bot goes on at once: nobody waits for the last bytes of a line that it has given up.
fn finish(wire: Wire) {
    tokio::spawn(wire.finish());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_is_drawn_and_some_come_in_haste() {
        let mut dice = Dice::new(3, 0);
        let drawn: Vec<Cut> = (0..200).map(|_| Cut::draw(&mut dice)).collect();
        assert!(Cut::ALL.iter().all(|(cut, _)| drawn.contains(cut)));
        let (shortest, longest) = (Duration::from_millis(500), Duration::from_secs(15));
        let spans: Vec<_> = (0..500).map(|_| Cut::after(&mut dice, shortest, longest)).collect();
        let hasty = spans.iter().filter(|span| **span <= HASTE).count();
        assert!((25..=100).contains(&hasty), "{hasty} of 500");
        assert!(spans.iter().all(|span| *span <= HASTE || (shortest..=longest).contains(span)));
    }
}
