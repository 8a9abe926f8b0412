//! The table of all metrics: the one source of names, kinds, units, labels and words.

use super::labels::{
    AcceptFault, ERRORS, End, Handshake, Look, Lookup, Occupancy, Outcome, Rule, Source, State,
    Verdict,
};

/// A metric. In the order of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    BuildInfo,
    Ready,
    Draining,
    Workers,
    Connections,
    ConnectionsMax,
    AcceptFaults,
    Handshakes,
    Verdicts,
    TimeToVerdict,
    Rejections,
    BroughtKeys,
    KeySources,
    Keys,
    KeyLooks,
    KeyAge,
    Lookups,
    Closes,
    Errors,
    Users,
    Rooms,
    Members,
    Received,
    Published,
    Duplicates,
    Deliveries,
    CatchUps,
    ReceivedBytes,
    SentBytes,
    ResidentMemory,
    Cpu,
    OpenDescriptors,
    MaxDescriptors,
    StartTime,
}

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows, from 0 at the start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often a value was at most each of these bounds, in its unit of counting.
    Histogram(&'static [u64]),
}

/// What is counted, and how much of the exposed unit one of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    None,
    /// Bytes.
    Bytes,
    /// Counted in milliseconds, exposed in seconds.
    Millis,
    /// Counted in microseconds, exposed in seconds.
    Micros,
}

impl Unit {
    /// How many decimal places the exposed number has.
    pub(super) const fn places(self) -> usize {
        match self {
            Self::None | Self::Bytes => 0,
            Self::Millis => 3,
            Self::Micros => 6,
        }
    }
}

/// Who keeps the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The cells: it is counted where it happens.
    Cells,
    /// Somebody else, who is asked for each exposition.
    Asked,
}

/// A label and its values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it can be, in the order of the cells.
    pub(crate) words: &'static [&'static str],
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Which one.
    pub(crate) metric: Metric,
    /// The name, suffix included.
    pub(crate) name: &'static str,
    /// Its kind.
    pub(crate) kind: Kind,
    /// Its unit.
    pub(crate) unit: Unit,
    /// Its label, if it has one.
    pub(crate) label: Option<Label>,
    /// Who keeps it.
    pub(crate) keeper: Keeper,
    /// What it says, for people.
    pub(crate) help: &'static str,
}

impl Row {
    const fn by(self, name: &'static str, words: &'static [&'static str]) -> Self {
        Self { label: Some(Label { name, words }), ..self }
    }

    const fn of(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    const fn asked(self) -> Self {
        Self { keeper: Keeper::Asked, ..self }
    }

    /// How many series it has, the parts of a histogram not counted.
    pub(super) const fn series(&self) -> usize {
        match self.label {
            Some(label) => label.words.len(),
            None => 1,
        }
    }

    /// How many cells one series takes: a histogram's buckets, the one without a bound, and the
    /// sum.
    pub(super) const fn width(&self) -> usize {
        match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Histogram(bounds) => bounds.len() + 2,
        }
    }
}

const fn row(metric: Metric, name: &'static str, kind: Kind, help: &'static str) -> Row {
    Row { metric, name, kind, unit: Unit::None, label: None, keeper: Keeper::Cells, help }
}

const fn counter(metric: Metric, name: &'static str, help: &'static str) -> Row {
    row(metric, name, Kind::Counter, help)
}

const fn gauge(metric: Metric, name: &'static str, help: &'static str) -> Row {
    row(metric, name, Kind::Gauge, help)
}

/// From a local check of a signature to the deadline of 10 s, in milliseconds.
const VERDICT_MS: &[u64] =
    &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000];

/// Every metric.
pub(crate) const TABLE: &[Row] = &[
    gauge(Metric::BuildInfo, "vestibule_build_info", "Always 1; the label is the version.")
        .by("version", &[env!("CARGO_PKG_VERSION")])
        .asked(),
    gauge(Metric::Ready, "vestibule_ready", "1 while sessions can be opened, as /readyz says.")
        .asked(),
    gauge(Metric::Draining, "vestibule_draining", "1 from SIGTERM to the end.").asked(),
    gauge(Metric::Workers, "vestibule_workers", "Worker threads.").asked(),
    gauge(
        Metric::Connections,
        "vestibule_connections",
        "Sockets of the public port, by how far they have come.",
    )
    .by("state", State::WORDS),
    gauge(
        Metric::ConnectionsMax,
        "vestibule_connections_max",
        "How many sockets there may be at a time; over it upgrades get 503.",
    )
    .asked(),
    counter(
        Metric::AcceptFaults,
        "vestibule_accept_faults_total",
        "Sockets that could not be accepted. \"exhausted\" means no descriptors or no memory: \
         newcomers wait.",
    )
    .by("cause", AcceptFault::WORDS),
    counter(
        Metric::Handshakes,
        "vestibule_handshakes_total",
        "Accepted sockets, by what their first request came to.",
    )
    .by("outcome", Handshake::WORDS),
    counter(
        Metric::Verdicts,
        "vestibule_verdicts_total",
        "First messages, by what they came to: auth_ok, the name of a close code, or gone for \
         clients that left before.",
    )
    .by("verdict", Verdict::WORDS),
    row(
        Metric::TimeToVerdict,
        "vestibule_time_to_verdict_seconds",
        Kind::Histogram(VERDICT_MS),
        "From the 101 to the verdict on the first message, the client's own delay included.",
    )
    .of(Unit::Millis)
    .by("outcome", Outcome::WORDS),
    counter(
        Metric::Rejections,
        "vestibule_credentials_rejected_total",
        "Refused credentials (sign-in, refresh, room token), by the class of the rule that was \
         broken. The log names the rule.",
    )
    .by("rule", Rule::WORDS),
    counter(
        Metric::BroughtKeys,
        "vestibule_tokens_with_keys_total",
        "Tokens whose header brought a key or an address of one (jwk, jku, x5c, x5u), which \
         nobody looked at.",
    )
    .asked(),
    gauge(
        Metric::KeySources,
        "vestibule_key_sources",
        "Files and addresses that keys come from, by whether they have brought some that count. \
         Only where there are such sources, like the next three.",
    )
    .by("state", Source::WORDS)
    .asked(),
    gauge(Metric::Keys, "vestibule_keys", "Keys from sources that count.").asked(),
    counter(
        Metric::KeyLooks,
        "vestibule_key_looks_total",
        "Looks at sources of keys, by what they brought.",
    )
    .by("outcome", Look::WORDS)
    .asked(),
    gauge(
        Metric::KeyAge,
        "vestibule_key_age_seconds",
        "Since the last good look, at the source where that is longest.",
    )
    .of(Unit::Millis)
    .asked(),
    gauge(
        Metric::Lookups,
        "vestibule_lookups",
        "Credentials that wait for a lookup (key source, directory), and those under way.",
    )
    .by("state", Lookup::WORDS),
    counter(
        Metric::Closes,
        "vestibule_closes_total",
        "Ended connections: the name of the server's close code, client for a client that closed, \
         lost for a line that ended without a word.",
    )
    .by("code", End::WORDS),
    counter(
        Metric::Errors,
        "vestibule_errors_total",
        "Error messages that closed nothing, by code; rate_limited are the refusals over rates.",
    )
    .by("code", ERRORS),
    gauge(Metric::Users, "vestibule_users", "Users with at least one connection.").asked(),
    gauge(
        Metric::Rooms,
        "vestibule_rooms",
        "Rooms in memory: those that somebody is in, and those that are empty and still remember.",
    )
    .by("state", Occupancy::WORDS)
    .asked(),
    gauge(Metric::Members, "vestibule_members", "Memberships: connections times their rooms."),
    counter(
        Metric::Received,
        "vestibule_received_messages_total",
        "Text messages of clients, of every type.",
    ),
    counter(
        Metric::Published,
        "vestibule_published_messages_total",
        "Messages that rooms took, each once.",
    ),
    counter(
        Metric::Duplicates,
        "vestibule_duplicate_messages_total",
        "Publishes that were known by their idempotency key, and acknowledged again.",
    ),
    counter(
        Metric::Deliveries,
        "vestibule_deliveries_total",
        "Messages queued for members, live or from history.",
    ),
    counter(
        Metric::CatchUps,
        "vestibule_catch_ups_total",
        "Times that a connection read too slowly and went on from history.",
    ),
    counter(
        Metric::ReceivedBytes,
        "vestibule_received_bytes_total",
        "Bytes read behind the handshakes.",
    )
    .of(Unit::Bytes),
    counter(
        Metric::SentBytes,
        "vestibule_sent_bytes_total",
        "Bytes written behind the handshakes.",
    )
    .of(Unit::Bytes),
    gauge(
        Metric::ResidentMemory,
        "process_resident_memory_bytes",
        "Memory of the process that is not swapped out.",
    )
    .of(Unit::Bytes)
    .asked(),
    counter(
        Metric::Cpu,
        "process_cpu_seconds_total",
        "Processor time of the process, user and system.",
    )
    .of(Unit::Micros)
    .asked(),
    gauge(Metric::OpenDescriptors, "process_open_fds", "Open file descriptors.").asked(),
    gauge(Metric::MaxDescriptors, "process_max_fds", "How many of them there may be.").asked(),
    gauge(
        Metric::StartTime,
        "process_start_time_seconds",
        "When the server started, in seconds since the Unix epoch.",
    )
    .of(Unit::Millis)
    .asked(),
];

/// How many metrics there are.
pub(super) const METRICS: usize = Metric::StartTime as usize + 1;

/// How many cells they take together.
pub(super) const CELLS: usize = FIRST[METRICS];

/// The first cell of each metric, and the end.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const FIRST: [usize; METRICS + 1] = {
    assert!(TABLE.len() == METRICS, "every metric has a row");
    let mut first = [0; METRICS + 1];
    let mut at = 0;
    while at < METRICS {
        assert!(TABLE[at].metric as usize == at, "the table is in the order of the metrics");
        first[at + 1] = first[at] + TABLE[at].series() * TABLE[at].width();
        at += 1;
    }
    first
};

impl Metric {
    /// Its row.
    #[expect(clippy::indexing_slicing, reason = "every metric has a row, says the compiler")]
    pub(crate) const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Where the cells of one of its series begin.
    #[expect(clippy::indexing_slicing, reason = "every metric has a row, says the compiler")]
    pub(super) const fn cell(self, series: usize) -> usize {
        FIRST[self as usize] + series * self.row().width()
    }
}
