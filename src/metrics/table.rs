//! The table of all metrics: the one source of names, kinds, units, labels and words.

use super::{
    labels::{
        AcceptFault, Answer, Bound, ERRORS, End, Handshake, Look, Lookup, Occupancy, Outcome, Rank,
        Recheck, Reloading, Rule, Source, Spared, Squeeze, State, TicketEvent, Verdict, Waiting,
    },
    row::{Kind, Row, Unit, counter, gauge, row},
};

/// A metric. In the order of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    BuildInfo,
    Ready,
    Draining,
    Workers,
    Reloads,
    LastReload,
    Connections,
    ConnectionsMax,
    AcceptFaults,
    Handshakes,
    GateSockets,
    GateBounds,
    GateOldest,
    GateTop,
    GateSqueezes,
    Verdicts,
    TimeToVerdict,
    Rejections,
    BroughtKeys,
    Tickets,
    TicketsHeld,
    KeySources,
    Keys,
    KeyLooks,
    KeyAge,
    Lookups,
    DirectoryAnswers,
    DirectorySpared,
    DirectoryRunning,
    DirectoryRechecks,
    Closes,
    Errors,
    Users,
    Rooms,
    HistoryBytes,
    HistoryBytesMax,
    HistoryMessages,
    HistoryEvicted,
    Members,
    Received,
    Published,
    Duplicates,
    Ephemerals,
    EphemeralsDropped,
    Pages,
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
    counter(
        Metric::Reloads,
        "vestibule_config_reloads_total",
        "Configurations that were read again (SIGHUP), by what became of them.",
    )
    .by("outcome", Reloading::WORDS)
    .asked(),
    gauge(
        Metric::LastReload,
        "vestibule_config_last_reload_timestamp_seconds",
        "When the configuration in force was put into force, in seconds since the Unix epoch; at \
         first the start.",
    )
    .of(Unit::Millis)
    .asked(),
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
    gauge(
        Metric::GateSockets,
        "vestibule_gate_sockets",
        "Sockets that hold a place in the vestibule, by what they wait for.",
    )
    .by("for", Waiting::WORDS)
    .asked(),
    gauge(
        Metric::GateBounds,
        "vestibule_gate_bounds",
        "The bounds of the vestibule, as configured: gate.places, gate.hard_places, gate.share.",
    )
    .by("bound", Bound::WORDS)
    .asked(),
    gauge(
        Metric::GateOldest,
        "vestibule_gate_oldest_seconds",
        "How long the oldest socket without a verdict has waited.",
    )
    .of(Unit::Millis)
    .asked(),
    gauge(
        Metric::GateTop,
        "vestibule_gate_top_address_sockets",
        "Places held by each of the five addresses that hold most; the admin page names them.",
    )
    .by("rank", Rank::WORDS)
    .asked(),
    counter(
        Metric::GateSqueezes,
        "vestibule_gate_squeezed_total",
        "Sockets that found no place in the vestibule, or lost it, by cause. share and places: they \
         had half a second to sign in (then 4430, 1013). hard_places: 503. evicted: 1013. hurried: \
         cut short on their way out.",
    )
    .by("cause", Squeeze::WORDS)
    .asked(),
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
    counter(
        Metric::Tickets,
        "vestibule_tickets_total",
        "Tickets, by what became of them. unknown: refused, because it was used before, is too old or \
         was never given out. displaced: gone for a newer one of the same user. full: not given \
         out.",
    )
    .by("event", TicketEvent::WORDS),
    gauge(
        Metric::TicketsHeld,
        "vestibule_tickets_held",
        "Tickets that were given out and not used, some of them too old. Only where tickets are on.",
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
        Metric::DirectoryAnswers,
        "vestibule_directory_lookups_total",
        "Questions to the directory of users, by what it said; unknown are wrong passwords too. Only \
         where there is a directory, like the next three.",
    )
    .by("answer", Answer::WORDS)
    .asked(),
    counter(
        Metric::DirectorySpared,
        "vestibule_directory_spared_total",
        "Questions that it was spared: an answer of a moment ago counted, or somebody asked already.",
    )
    .by("by", Spared::WORDS)
    .asked(),
    gauge(
        Metric::DirectoryRunning,
        "vestibule_directory_lookups_running",
        "Questions to it under way.",
    )
    .asked(),
    counter(
        Metric::DirectoryRechecks,
        "vestibule_directory_rechecks_total",
        "Looks at users who were in: they stay, or all of their connections end (4410).",
    )
    .by("outcome", Recheck::WORDS)
    .asked(),
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
    gauge(
        Metric::HistoryBytes,
        "vestibule_history_bytes",
        "Memory that the history of all rooms takes: messages, keys, and what it takes to find \
         them.",
    )
    .of(Unit::Bytes)
    .asked(),
    gauge(
        Metric::HistoryBytesMax,
        "vestibule_history_max_bytes",
        "How much of it there may be; over it the rooms of those who wrote most forget.",
    )
    .of(Unit::Bytes)
    .asked(),
    gauge(Metric::HistoryMessages, "vestibule_history_messages", "Messages that rooms remember.")
        .asked(),
    counter(
        Metric::HistoryEvicted,
        "vestibule_history_evicted_messages_total",
        "Messages that rooms forgot before their time because memory was short.",
    )
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
        Metric::Ephemerals,
        "vestibule_ephemeral_messages_total",
        "Messages that rooms passed on and did not remember.",
    ),
    counter(
        Metric::EphemeralsDropped,
        "vestibule_ephemeral_drops_total",
        "Times that such a message found no space in the queue of a member that was not behind, and \
         was left out.",
    ),
    counter(
        Metric::Pages,
        "vestibule_history_pages_total",
        "Pages of history sent, of up to 100 messages each.",
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
