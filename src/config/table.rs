//! The table of everything that can be set: the one source of names, ranges, defaults and words.

use super::{
    WORKERS_MAX,
    keys::{Key, Shape, Unset},
};

const MS: &str = "milliseconds";

const fn text(path: &'static str, unset: Unset, meaning: &'static str) -> Key {
    Key { path, shape: Shape::Text, unset, meaning }
}

/// A number in `range`, its unit, and its default.
const fn number(
    path: &'static str,
    range: (u64, u64),
    unit: &'static str,
    default: u64,
    meaning: &'static str,
) -> Key {
    let shape = Shape::Integer { least: range.0, most: range.1, unit };
    Key { path, shape, unset: Unset::Number(default), meaning }
}

const fn words(
    path: &'static str,
    words: &'static [(&'static str, &'static str)],
    unset: Unset,
    meaning: &'static str,
) -> Key {
    Key { path, shape: Shape::Words(words), unset, meaning }
}

const fn nothing(means: &'static str, example: &'static str) -> Unset {
    Unset::Nothing { means, example }
}

/// Every key, in the order of the documents.
pub const KEYS: &[Key] = &[
    text(
        "listen",
        Unset::Text("127.0.0.1:7000"),
        "The public address: an IP address and a port. Port 0 lets the system pick one, which the \
         log line \"listening\" names.",
    ),
    number(
        "workers",
        (0, WORKERS_MAX),
        "threads",
        0,
        "Worker threads. 0 is one for each processor core.",
    ),
    number(
        "connections",
        (0, 10_000_000),
        "connections",
        0,
        "Connections at a time. 0 derives the cap from the limit on open files.",
    ),
    number(
        "drain_ms",
        (0, 600_000),
        MS,
        5_000,
        "From SIGTERM to the end: clients are told to come back, each is closed at a moment of \
         its own within this time.",
    ),
    Key {
        path: "demo",
        shape: Shape::Boolean,
        unset: Unset::No,
        meaning: "Whether a page that shows the protocol at work stands at `/`. Whoever opens it \
                  brings a token; with `gate.origins` its own origin must be among them.",
    },
    number(
        "auth.deadline_ms",
        (20, 600_000),
        MS,
        10_000,
        "From the open WebSocket to the verdict on its first message. The protocol promises \
         10000 to clients; less draws a warning.",
    ),
    text("issuer.#.name", Unset::Text("default"), "A name for log lines, 1 to 64 bytes."),
    text(
        "issuer.#.iss",
        nothing("not checked, with a warning", "\"https://app.example\""),
        "Who signs: the `iss` that every token must have. Set it.",
    ),
    text(
        "issuer.#.aud.#",
        nothing("not checked, with a warning", "\"chat\""),
        "Whom tokens are for: a token's `aud` must name one of these. Set it.",
    ),
    text(
        "issuer.#.secret",
        nothing("one of the three keys must be set", "\"at least 32 bytes of randomness\""),
        "The secret shared with whoever signs (HS256, HS384, HS512): the bytes of this text, or \
         what `base64:` in front encodes. A file keeps it out of this one.",
    ),
    text(
        "issuer.#.secret_file",
        Unset::Refused { proposal: "\"secret\"" },
        "The same from a file, relative to the configuration file; one final newline is not part \
         of it. `vestibule keygen` makes one.",
    ),
    text(
        "issuer.#.public_key_file",
        nothing("one of the three keys must be set", "\"public.pem\""),
        "The public key (PEM) of an issuer that signs with a private one (RS, PS, ES, EdDSA).",
    ),
    words(
        "issuer.#.algorithm",
        ALGORITHMS,
        nothing("HS256 for a secret, what the key says for others but RSA", "\"HS256\""),
        "The one algorithm that this key is used with. An RSA key leaves a choice: it must be \
         set for it.",
    ),
    number(
        "issuer.#.leeway_ms",
        (0, 300_000),
        MS,
        5_000,
        "How far the clocks of issuer and server may differ when `exp`, `nbf` and `iat` are \
         judged.",
    ),
    text(
        "issuer.#.subject_claim",
        Unset::Text("sub"),
        "The claim that names the user, 1 to 128 bytes.",
    ),
    Key {
        path: "issuer.#.subject_integers",
        shape: Shape::Boolean,
        unset: Unset::No,
        meaning: "Whether that claim may be a whole number; it becomes its decimal text.",
    },
    Key {
        path: "issuer.#.required_claims.*",
        shape: Shape::Scalar,
        unset: Unset::Empty { example: "token_type = \"access\"" },
        meaning: "Claims that a token must have, with exactly these values: strings, whole \
                  numbers, true or false.",
    },
    text(
        "issuer.#.user_prefix",
        Unset::Text(""),
        "Stands before the subject in the public name of a user, up to 64 bytes.",
    ),
    number(
        "heartbeat.interval_ms",
        (20, 3_600_000),
        MS,
        25_000,
        "Between two Pings of the server, give or take a tenth. Keep it below the idle timeout of \
         proxies.",
    ),
    number(
        "heartbeat.timeout_ms",
        (20, 3_600_000),
        MS,
        10_000,
        "How long after a Ping something must have come in, or the line counts as dead.",
    ),
    text(
        "gate.origins.#",
        Unset::Empty { example: "\"https://app.example\"" },
        "The origins that browsers may connect from, exactly as they send them. Empty lets all \
         in; clients that send none always pass; \"null\" must be listed.",
    ),
    number(
        "limits.message_bytes",
        (256, 16_777_216),
        "bytes",
        65_536,
        "The largest message of a client, the whole frame counted.",
    ),
    number(
        "limits.messages_per_s",
        (1, 1_000_000),
        "messages a second",
        10,
        "How fast one connection may publish.",
    ),
    number(
        "limits.burst",
        (1, 1_000_000),
        "messages",
        20,
        "How many it may publish at once before that rate holds.",
    ),
    number(
        "limits.rooms",
        (1, 100_000),
        "rooms of a connection",
        128,
        "How many rooms one connection may be in.",
    ),
    number(
        "limits.outbox_bytes",
        (4_096, 1_073_741_824),
        "bytes",
        1_048_576,
        "What may wait to be sent to one connection. Who reads more slowly catches up from the \
         history of the room, or is closed (4420) where that no longer reaches back.",
    ),
    number(
        "limits.connections_per_user",
        (1, 1_000_000),
        "connections",
        32,
        "Connections of one user at a time.",
    ),
    words(
        "limits.on_user_limit",
        &[
            ("refuse", "the new connection is closed (4430)"),
            ("replace_oldest", "the oldest one is closed (4423) and makes room"),
        ],
        Unset::Text("refuse"),
        "What happens over that cap.",
    ),
    words(
        "rooms.default",
        &[
            ("open", "whoever is signed in may join every room"),
            ("granted", "only the rooms that the token's `rooms` claim names"),
        ],
        Unset::Refused { proposal: "\"open\"" },
        "Who may join. It must be chosen.",
    ),
    number(
        "rooms.history.count",
        (0, 1_000_000),
        "messages",
        256,
        "How many messages a room remembers for those who come back.",
    ),
    number("rooms.history.age_ms", (0, 86_400_000), MS, 300_000, "And for how long."),
    number(
        "rooms.history.bytes",
        (0, 1_073_741_824),
        "bytes",
        1_048_576,
        "And how much of them. Whichever bound is reached first counts.",
    ),
    words(
        "log.level",
        &[
            ("error", "what went wrong on our side"),
            ("warn", "and what an operator should look at"),
            ("info", "and the life of the server"),
            ("debug", "and the life of each connection"),
            ("trace", "and every step; never payloads or tokens"),
        ],
        Unset::Text("info"),
        "The least important lines that are written.",
    ),
    words(
        "log.format",
        &[
            ("auto", "text on a terminal, JSON elsewhere"),
            ("text", "for people"),
            ("json", "one object a line"),
        ],
        Unset::Text("auto"),
        "The form of the log, on standard error.",
    ),
];

const ALGORITHMS: &[(&str, &str)] = &[
    ("HS256", "HMAC with SHA-256"),
    ("HS384", "HMAC with SHA-384"),
    ("HS512", "HMAC with SHA-512"),
    ("RS256", "RSA PKCS #1 v1.5 with SHA-256"),
    ("RS384", "RSA PKCS #1 v1.5 with SHA-384"),
    ("RS512", "RSA PKCS #1 v1.5 with SHA-512"),
    ("PS256", "RSA PSS with SHA-256"),
    ("PS384", "RSA PSS with SHA-384"),
    ("PS512", "RSA PSS with SHA-512"),
    ("ES256", "ECDSA on P-256"),
    ("ES384", "ECDSA on P-384"),
    ("EdDSA", "Ed25519"),
];
