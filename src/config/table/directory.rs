//! The keys of `[directory]`, in the table of everything that can be set.

use super::{MS, nothing, number, text};
use crate::config::keys::Key;

pub(super) const KEYS: &[Key] = &[
    text(
        "directory.url",
        nothing(
            "nobody is asked: whoever has a good token comes in",
            "\"https://app.example/internal/users\"",
        ),
        "Who is asked whether the user of a good token exists and may come in, by one POST of JSON \
         for each question. An address of https, or of http on this machine. See \
         [directory.md](directory.md).",
    ),
    text(
        "directory.key",
        nothing("none is shown", "\"a-key-that-only-the-two-of-them-know\""),
        "What is shown with each question (`Authorization: Bearer`): up to 1024 visible characters \
         of ASCII.",
    ),
    text(
        "directory.key_file",
        nothing("see `directory.key`", "\"directory-key\""),
        "The same from a file, relative to the configuration file; one final newline is not part \
         of it.",
    ),
    text(
        "directory.ca_file",
        nothing("the system's authorities", "\"directory-ca.pem\""),
        "Certificates (PEM) that vouch for the address or the database, in place of the system's \
         authorities.",
    ),
    text(
        "directory.dsn",
        nothing("no database is asked", "\"postgres://vestibule:password@db.internal/app\""),
        "A database to ask in place of `url`: `postgres://…`, or `sqlite:` and the absolute path \
         of a file, which is only read. The connection is encrypted and its certificate checked \
         unless the server is this machine, or `sslmode=disable` is said.",
    ),
    text(
        "directory.dsn_file",
        nothing("see `directory.dsn`", "\"directory-dsn\""),
        "The same from a file, relative to the configuration file; one final newline is not part \
         of it.",
    ),
    text(
        "directory.query",
        nothing("a database needs one", "\"select active from users where id = $1\""),
        "What the database is asked: `$1` is the subject, `$2` the issuer (empty if tokens name \
         none), both text. No row: there is no such user. Columns by name: `active`, and if wanted \
         `rooms`, `info`, `recheck_ms`.",
    ),
    text(
        "directory.password_query",
        nothing(
            "nobody signs in with a password",
            "\"select active, hash as password_hash from users where name = $1\"",
        ),
        "The same for passwords: `$1` is the user's name. `password_hash` (argon2 as a PHC string or \
         as Django writes it, or Django's pbkdf2_sha256) is needed, `subject` may be another than the \
         name.",
    ),
    text(
        "directory.password_issuer",
        nothing("the only issuer, if there is one", "\"app\""),
        "The name of the `[[issuer]]` whose users sign in with passwords, so that both ways lead to \
         one user.",
    ),
    number(
        "directory.password_session_ms",
        (1_000, 31_536_000_000),
        MS,
        3_600_000,
        "How long a session lasts that began with a password.",
    ),
    number(
        "directory.timeout_ms",
        (20, 600_000),
        MS,
        5_000,
        "How long one question may take; less than `auth.deadline_ms`.",
    ),
    number(
        "directory.concurrency",
        (1, 1_024),
        "questions",
        16,
        "Questions at a time. Looks at users who are in take half of them at most.",
    ),
    number(
        "directory.cache_ms",
        (0, 3_600_000),
        MS,
        10_000,
        "How long an answer counts; that there is no such user, or that it may not come in, one \
         second at most. 0 asks each time.",
    ),
    number(
        "directory.cache_users",
        (0, 10_000_000),
        "users",
        10_000,
        "Users whose answer is kept.",
    ),
    number(
        "directory.recheck_ms",
        (0, 31_536_000_000),
        MS,
        60_000,
        "How often each user who is in is looked at, spread over this time. Who may not stay hears \
         4410. 0 is never, unless an answer asks for it.",
    ),
];
