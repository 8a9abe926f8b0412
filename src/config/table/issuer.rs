//! The part of the table that says whose tokens are accepted.

use super::{
    super::keys::{Key, Shape, Unset},
    MS, nothing, number, text, truth, words,
};

/// The keys of an issuer.
pub(super) const KEYS: &[Key] = &[
    text(
        "issuer.#.name",
        Unset::Text("default"),
        "A name for log lines and for `token mint --issuer`, 1 to 64 bytes. Not set, the first \
         issuer is \"default\", the next ones are \"issuer-1\", \"issuer-2\" and so on.",
    ),
    text(
        "issuer.#.iss",
        nothing("not checked, with a warning", "\"https://app.example\""),
        "Who signs: the `iss` that every token must have. Set it. With several issuers each must \
         have its own: a token's `iss` says whose rules and keys judge it.",
    ),
    text(
        "issuer.#.aud.#",
        nothing("not checked, with a warning", "\"chat\""),
        "Whom tokens are for: a token's `aud` must name one of these. Set it.",
    ),
    text(
        "issuer.#.secret",
        nothing(NO_KEY, "\"at least 32 bytes of randomness\""),
        "The secret shared with whoever signs (HS256, HS384, HS512): the bytes of this text, or \
         what `base64:` in front encodes. A file keeps it out of this one.",
    ),
    text(
        "issuer.#.secret_file",
        Unset::Refused { proposal: "\"secret\"" },
        "The same from a file, relative to the configuration file; one final newline is not part \
         of it. `vestibule keygen` makes one. An issuer has one of `secret`, `secret_file`, \
         `public_key_file`, `jwks_file`, `jwks_url` and `discovery`.",
    ),
    text(
        "issuer.#.public_key_file",
        nothing(NO_KEY, "\"public.pem\""),
        "The public key (PEM) of an issuer that signs with a private one (RS, PS, ES, EdDSA).",
    ),
    text(
        "issuer.#.jwks_file",
        nothing(NO_KEY, "\"keys.json\""),
        "Keys of an issuer that has several: a file with a JWK or a JWK set (JSON), read again \
         when it changes. A token's `kid` says which one signed it.",
    ),
    text(
        "issuer.#.jwks_url",
        nothing(NO_KEY, "\"https://app.example/jwks.json\""),
        "The same from an address, fetched again in time: https, or http to this machine. Public \
         keys only.",
    ),
    text(
        "issuer.#.discovery",
        nothing(NO_KEY, "\"https://login.example\""),
        "The same by OpenID discovery, from the issuer's own address as its tokens have it in \
         `iss`; `iss` need not be set then.",
    ),
    words(
        "issuer.#.algorithm",
        ALGORITHMS,
        nothing("HS256 for a secret, what the key says for others but RSA", "\"HS256\""),
        "The one algorithm that a secret or a public key is used with. A PEM file with an RSA key \
         leaves a choice: it must be set for it. Of a key set: what its RSA keys are used with if \
         they do not say it (RS256 unless set).",
    ),
    text(
        "issuer.#.previous_secret",
        nothing("the secret is the only one", "\"the one before, still used by some signers\""),
        "While a secret is being replaced: the one before it, also accepted until `previous_until`.",
    ),
    text(
        "issuer.#.previous_secret_file",
        nothing("the secret is the only one", "\"secret.old\""),
        "The same from a file.",
    ),
    Key {
        path: "issuer.#.previous_until",
        shape: Shape::Time,
        unset: nothing("must be set beside a previous secret", "\"2026-12-31T00:00:00Z\""),
        meaning: "From when on tokens that were signed with it are refused.",
    },
    words(
        "issuer.#.algorithms.#",
        ALGORITHMS,
        Unset::Empty { example: "\"RS256\"" },
        "Of a key set: the algorithms that are taken; keys for others are left out. Empty takes \
         all.",
    ),
    number(
        "issuer.#.stale_ms",
        (0, 604_800_000),
        MS,
        3_600_000,
        "How long the keys of `jwks_url` and `discovery` count after they should have been fetched \
         again and could not be.",
    ),
    text(
        "issuer.#.ca_file",
        nothing("those of the system", "\"ca.pem\""),
        "The certificates (PEM) that vouch for the server of `jwks_url` or `discovery`, in place \
         of the system's.",
    ),
    truth(
        "issuer.#.end_sessions_of_removed_keys",
        "Whether sessions end when the key that signed their token is removed: from its set, in two \
         looks at it at least ten minutes apart, or from the configuration, at its reload.",
    ),
    words(
        "issuer.#.typ",
        &[
            ("lax", "JWT, at+jwt, or no `typ` at all"),
            ("strict", "at+jwt alone, the access tokens of RFC 9068"),
        ],
        Unset::Text("lax"),
        "Which kinds of token are taken, by `typ` in the header.",
    ),
    number(
        "issuer.#.leeway_ms",
        (0, 300_000),
        MS,
        5_000,
        "How far the clocks of issuer and server may differ when `exp`, `nbf` and `iat` are \
         judged.",
    ),
    number(
        "issuer.#.max_lifetime_ms",
        (0, 315_360_000_000),
        MS,
        0,
        "How long a token may live, from `iat` (or from now, without one) to `exp`. 0 is as long \
         as it says.",
    ),
    text(
        "issuer.#.subject_claim",
        Unset::Text("sub"),
        "The claim that names the user, 1 to 128 bytes. These names must all differ.",
    ),
    truth(
        "issuer.#.subject_integers",
        "Whether that claim may be a whole number; it becomes its decimal text.",
    ),
    text(
        "issuer.#.rooms_claim",
        Unset::Text("rooms"),
        "The claim that names the rooms that a token opens.",
    ),
    text("issuer.#.limits_claim", Unset::Text("limits"), "The claim with a token's own limits."),
    text("issuer.#.info_claim", Unset::Text("info"), "The claim that others see of a user."),
    text(
        "issuer.#.room_claim",
        Unset::Text("room"),
        "The claim of a room token that names its room.",
    ),
    text(
        "issuer.#.allow_claim",
        Unset::Text("allow"),
        "The claim of a room token that says what it allows there.",
    ),
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
        "Stands before the subject in the public name of a user, up to 64 bytes. With several \
         issuers each must have one, and none may begin with another's: nobody can then take the \
         name of somebody else's user.",
    ),
    ceiling(
        "issuer.#.ceiling.messages_per_s",
        1_000_000,
        "messages a second",
        "20",
        "How far the `messages_per_s` in a token's limits may go. A ceiling below the default \
         lowers it for everybody of this issuer.",
    ),
    ceiling(
        "issuer.#.ceiling.rooms",
        100_000,
        "rooms of a connection",
        "500",
        "The same for `rooms`.",
    ),
    ceiling(
        "issuer.#.ceiling.connections",
        1_000_000,
        "connections of a user",
        "100",
        "The same for `connections`.",
    ),
];

const fn ceiling(
    path: &'static str,
    most: u64,
    unit: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    let unset = nothing("the default, so that tokens only lower it", example);
    Key { path, shape: Shape::Integer { least: 1, most, unit }, unset, meaning }
}

const NO_KEY: &str = "one way to its keys must be set";

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
