//! The arguments of `vestibule connect`.

use super::{time::parse_ttl, token::SourceArgs};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = CONNECT_HELP)]
pub(in super::super) struct ConnectArgs {
    /// Where the server is
    #[arg(default_value = "ws://127.0.0.1:7000/ws")]
    pub(in super::super) url: String,
    /// A room to join; give it again for more, what is typed goes to the first
    #[arg(long = "room", value_name = "ROOM")]
    pub(in super::super) rooms: Vec<String>,
    /// Show every frame in both directions, on standard error; tokens are shortened
    #[arg(long)]
    pub(in super::super) frames: bool,
    /// The input is JSON, one value a line, instead of text
    #[arg(long)]
    pub(in super::super) json: bool,
    /// Stay when the input ends
    #[arg(long)]
    pub(in super::super) stay: bool,
    /// An `Origin` header, as a browser would send
    #[arg(long)]
    pub(in super::super) origin: Option<String>,
    #[command(flatten, next_help_heading = "Token")]
    pub(in super::super) token: TokenArgs,
}

/// Where the token comes from.
#[derive(Args, Debug)]
pub(in super::super) struct TokenArgs {
    /// A file that has the token; it is read again for every connection
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token_env", "mint"])]
    pub(in super::super) token_file: Option<PathBuf>,
    /// The variable of the environment that has the token
    #[arg(long, value_name = "NAME", conflicts_with = "mint")]
    pub(in super::super) token_env: Option<String>,
    /// Make the token here, from a secret or a private key
    #[arg(long, requires = "sub")]
    pub(in super::super) mint: bool,
    /// The user of the token made here
    #[arg(long, requires = "mint")]
    pub(in super::super) sub: Option<String>,
    /// How long the token made here is good for
    #[arg(long, default_value = "1h", requires = "mint", value_parser = parse_ttl)]
    pub(in super::super) ttl: u64,
    /// The rooms that the token made here opens, as a JSON object
    #[arg(long, value_name = "JSON", requires = "mint")]
    pub(in super::super) grant: Option<String>,
    /// A private key in PEM to sign with
    #[arg(long, value_name = "FILE", requires = "mint",
        conflicts_with_all = ["secret_file", "secret_env"])]
    pub(in super::super) key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(in super::super) source: SourceArgs,
}

const CONNECT_HELP: &str = "\
Examples:
  vestibule connect --token-file token --room lobby
  vestibule connect --mint --sub alice --config vestibule.toml --room lobby --frames
  date | vestibule connect ws://chat.example:7000/ws --token-env TOKEN --room clock
  vestibule connect --token-file token --room lobby < /dev/null && echo all is well

On a terminal every line is published to the current room, and these are commands:
  /join ROOM   /room ROOM   /leave [ROOM]   /history [NUMBER]   /earlier [NUMBER]   /help   /quit
  (a line that begins with //: its text)
Without a token on the command line it is asked for. From a pipe every line is published as it is,
one after the other, no faster than the server takes them; the program ends when all have their
number. It comes back by itself after a lost connection and has missed nothing, or says so.

Exit codes: 0 done, 1 refused or failed, 2 usage or configuration.";
