//! Everything that is known about a running server at one moment.

use super::{
    admin,
    http::Site,
    reload::{Current, Tally},
    ticket_desk::TicketDesk,
};
use crate::{
    config::Places,
    connection::Shared,
    gate::guest::{Gate, Occupancy},
    metrics::{Answer, Bound, Rank, Reading, Recheck, Reloading, Sheet, Spared, Squeeze, Waiting},
    protocol::time::Now,
    token::{DirectoryFigures, Figures},
    worker::clock::Clock,
};
use std::sync::Arc;

/// Knows whom to ask.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) shared: Arc<Shared>,
    pub(super) current: Arc<Current>,
    pub(super) site: Arc<Site>,
    pub(super) desk: Arc<TicketDesk>,
    pub(super) workers: usize,
    pub(super) capacity: usize,
    pub(super) gate: Arc<Gate>,
    pub(super) clock: Clock,
    /// When the server began to serve.
    pub(super) began: Now,
}

impl admin::Census for Survey {
    fn take(&self) -> Sheet {
        let mut sheet = self.shared.metrics.sheet();
        let (rooms, resting) = self.shared.relay.rooms();
        let (history, evicted) = self.shared.relay.memory();
        let count = |number: usize| number as u64;
        for (reading, value) in [
            (Reading::BuildInfo, 1),
            (Reading::Ready, u64::from(self.site.is_ready())),
            (Reading::Draining, u64::from(self.site.is_draining())),
            (Reading::Workers, count(self.workers)),
            (Reading::ConnectionsMax, count(self.capacity)),
            (Reading::Users, count(self.shared.users.len())),
            (Reading::OccupiedRooms, count(rooms.saturating_sub(resting))),
            (Reading::RestingRooms, count(resting)),
            (Reading::HistoryBytes, count(history.bytes)),
            (Reading::HistoryBytesMax, count(history.cap)),
            (Reading::HistoryMessages, count(history.messages)),
            (Reading::HistoryEvicted, evicted),
            (Reading::StartTime, self.began.wall.as_ms()),
        ] {
            sheet.set(reading, value);
        }
        if let Some(held) = self.desk.held() {
            sheet.set(Reading::TicketsHeld, count(held));
        }
        self.note_reloads(&mut sheet);
        self.note_gate(&mut sheet);
        self.note_keys(&mut sheet);
        admin::figures(&mut sheet);
        sheet
    }

    fn up_ms(&self) -> u64 {
        self.clock.now().time.since(self.began.time)
    }

    fn crowds(&self) -> Vec<(String, usize)> {
        let top = self.occupancy().top.into_iter();
        top.map(|(address, held)| (address.to_string(), held)).collect()
    }
}

impl Survey {
    fn occupancy(&self) -> Occupancy {
        self.gate.occupancy(self.clock.now().time, Rank::ALL.len())
    }

    fn note_reloads(&self, sheet: &mut Sheet) {
        let Tally { applied, refused, last } = self.current.tally();
        sheet.set(Reading::Reloads(Reloading::Applied), applied);
        sheet.set(Reading::Reloads(Reloading::Refused), refused);
        sheet.set(Reading::LastReload, last.unwrap_or(self.began.wall).as_ms());
    }

    fn note_gate(&self, sheet: &mut Sheet) {
        let Occupancy { bounds, waiting, leaving, oldest_ms, top, squeezes } = self.occupancy();
        let Places { places, hard_places, share } = bounds;
        let count = |number: usize| number as u64;
        for (reading, value) in [
            (Reading::GateSockets(Waiting::Verdict), count(waiting)),
            (Reading::GateSockets(Waiting::End), count(leaving)),
            (Reading::GateBound(Bound::Places), count(places)),
            (Reading::GateBound(Bound::HardPlaces), count(hard_places)),
            (Reading::GateBound(Bound::Share), count(share)),
            (Reading::GateOldest, oldest_ms),
            (Reading::GateSqueezes(Squeeze::Share), squeezes.share),
            (Reading::GateSqueezes(Squeeze::Places), squeezes.places),
            (Reading::GateSqueezes(Squeeze::HardPlaces), squeezes.hard_places),
            (Reading::GateSqueezes(Squeeze::Evicted), squeezes.evicted),
            (Reading::GateSqueezes(Squeeze::Hurried), squeezes.hurried),
        ] {
            sheet.set(reading, value);
        }
        let held = top.into_iter().map(|(_, held)| count(held)).chain(std::iter::repeat(0));
        for (rank, held) in Rank::ALL.iter().zip(held) {
            sheet.set(Reading::GateTop(*rank), held);
        }
    }

    fn note_keys(&self, sheet: &mut Sheet) {
        let Figures { brought_keys, sources, directory } = self.current.terms().verifier.figures();
        if let Some(tokens) = brought_keys {
            sheet.set(Reading::BroughtKeys, tokens);
        }
        if let Some(directory) = directory {
            note_directory(sheet, directory);
        }
        let Some(sources) = sources else { return };
        for (reading, value) in [
            (Reading::UsableSources, sources.usable),
            (Reading::DownSources, sources.down),
            (Reading::Keys, sources.keys),
            (Reading::GoodLooks, sources.good_looks),
            (Reading::FailedLooks, sources.failed_looks),
        ] {
            sheet.set(reading, value);
        }
        if let Some(age_ms) = sources.age_ms {
            sheet.set(Reading::KeyAge, age_ms);
        }
    }
}

fn note_directory(sheet: &mut Sheet, figures: DirectoryFigures) {
    for (reading, value) in [
        (Reading::DirectoryAnswers(Answer::Active), figures.active),
        (Reading::DirectoryAnswers(Answer::Disabled), figures.disabled),
        (Reading::DirectoryAnswers(Answer::Unknown), figures.unknown),
        (Reading::DirectoryAnswers(Answer::Failed), figures.failed),
        (Reading::DirectorySpared(Spared::Cached), figures.cached),
        (Reading::DirectorySpared(Spared::Shared), figures.shared),
        (Reading::DirectoryRunning, figures.running),
        (
            Reading::DirectoryRechecks(Recheck::Stays),
            figures.rechecked.saturating_sub(figures.revoked),
        ),
        (Reading::DirectoryRechecks(Recheck::Revoked), figures.revoked),
    ] {
        sheet.set(reading, value);
    }
}
