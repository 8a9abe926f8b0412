//! The arguments of `vestibule token`, and where a token's key and rules come from.

use super::time::{When, parse_ttl, parse_when};
use clap::Args;
use std::path::PathBuf;

/// Where a token's key and rules come from.
#[derive(Args, Clone, Debug, Default)]
pub(in super::super) struct SourceArgs {
    /// The server's configuration file: its issuers' keys and rules (the environment goes over it)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_file", "secret_env"])]
    pub(in super::super) config: Option<PathBuf>,
    /// A file with the shared secret; one final newline is not part of it
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    pub(in super::super) secret_file: Option<PathBuf>,
    /// The variable of the environment that has the shared secret
    #[arg(long, value_name = "NAME")]
    pub(in super::super) secret_env: Option<String>,
    /// The issuer of that configuration, by its `name`, where it has several
    #[arg(long, value_name = "NAME", conflicts_with_all = ["secret_file", "secret_env"])]
    pub(in super::super) issuer: Option<String>,
    /// The algorithm, where the key leaves a choice (HS256, RS256, ES256, EdDSA, ...)
    #[arg(long, value_name = "NAME")]
    pub(in super::super) algorithm: Option<String>,
    /// The issuer, `iss`
    #[arg(long)]
    pub(in super::super) iss: Option<String>,
    /// The audience, `aud`; give it again for more than one
    #[arg(long)]
    pub(in super::super) aud: Vec<String>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = MINT_HELP)]
pub(in super::super) struct MintArgs {
    /// The user, `sub` (or the claim that the configuration names)
    #[arg(long)]
    pub(in super::super) sub: String,
    /// How long it is good for: seconds, or a number with s, m, h or d
    #[arg(long, default_value = "1h", value_parser = parse_ttl)]
    pub(in super::super) ttl: u64,
    /// Until when instead, `exp`: Unix seconds, or from now (+15m, -1h)
    #[arg(long, value_name = "TIME", conflicts_with = "ttl", allow_hyphen_values = true,
        value_parser = parse_when)]
    pub(in super::super) exp: Option<When>,
    /// From when it is good, `nbf`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_when)]
    pub(in super::super) nbf: Option<When>,
    /// When it was made, `iat`, if not now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_when)]
    pub(in super::super) iat: Option<When>,
    /// Its own name, `jti`; without a value a random one
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "")]
    pub(in super::super) jti: Option<String>,
    /// The sign-in that it belongs to, `sid`
    #[arg(long, value_name = "ID")]
    pub(in super::super) sid: Option<String>,
    /// The rooms it opens, as a JSON object: {"team:*": ["join", "send"]}
    #[arg(long, value_name = "JSON")]
    pub(in super::super) rooms: Option<String>,
    /// Its own limits: {"messages_per_s": 2, "rooms": 5, "connections": 1}
    #[arg(long, value_name = "JSON")]
    pub(in super::super) limits: Option<String>,
    /// What others see of the user: {"name": "Alice"}
    #[arg(long, value_name = "JSON")]
    pub(in super::super) info: Option<String>,
    /// Makes a token for this room alone, to be sent with a `join`; needs --allow
    #[arg(long, value_name = "ROOM", requires = "allow", conflicts_with_all = ["rooms", "limits", "info"])]
    pub(in super::super) room: Option<String>,
    /// What it allows there: join, send, history, presence
    #[arg(long, value_name = "LIST", requires = "room", value_delimiter = ',')]
    pub(in super::super) allow: Vec<String>,
    /// The name of the signing key, `kid`, where the issuer publishes several
    #[arg(long, value_name = "ID")]
    pub(in super::super) kid: Option<String>,
    /// A claim to add or to replace; the value is JSON, give it again for more
    #[arg(long = "claim", value_name = "NAME=JSON")]
    pub(in super::super) claims: Vec<String>,
    /// A private key in PEM to sign with
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_file", "secret_env"])]
    pub(in super::super) key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(in super::super) source: SourceArgs,
}

const MINT_HELP: &str = "\
Examples:
  vestibule token mint --config vestibule.toml --sub alice --ttl 15m
  vestibule token mint --secret-file secret --sub alice --rooms '{\"lobby\": \"*\"}'
  vestibule token mint --key-file private.pem --algorithm RS256 --sub alice --claim 'admin=true'
  vestibule token mint --secret-file secret --sub alice --exp -1m    (one that has expired)
  vestibule token mint --secret-file secret --sub alice --room lobby --allow join,send
  vestibule token mint --config vestibule.toml --issuer partner --sub bob    (one of several)

With --config a token has the `iss`, `aud`, required claims, kind and names of claims that the
configuration asks for. One for a single room (--room) goes into a `join`, never into the sign-in.

A token that a server would refuse is made all the same, with a warning on standard error.
There is no flag for the secret itself: arguments can be seen in the list of processes.";

#[derive(Args, Debug)]
#[command(after_help = CHECK_HELP)]
pub(in super::super) struct CheckArgs {
    /// The file that has the token; standard input without it
    #[arg(long, value_name = "FILE")]
    pub(in super::super) file: Option<PathBuf>,
    /// A public key in PEM to check with
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "secret_file", "secret_env"])]
    pub(in super::super) public_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(in super::super) source: SourceArgs,
}

const CHECK_HELP: &str = "\
Examples:
  vestibule token check --config vestibule.toml < token
  vestibule token mint --secret-file secret --sub alice | vestibule token check --secret-file secret

With several issuers the token's `iss` says whose rules judge it. Keys that the configuration takes
from an address are fetched once.

Exit codes: 0 the server would take the token, 1 it would refuse it, 2 usage or configuration.
There is no argument for the token itself: arguments can be seen in the list of processes.";
