//! What the command line understands, and what `--help` teaches.

use crate::config::Flag;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A realtime room server whose first message is the sign-in.
///
/// Clients open a WebSocket, send {"type":"auth","payload":"<JWT>"} as their first message, join
/// rooms and chat.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, max_term_width = 100, after_help = ROOT_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

const ROOT_HELP: &str = "\
Examples:
  vestibule dev                            try it: tokens for two users, nothing to set up
  vestibule serve --config vestibule.toml  run it
  vestibule protocol | less                write a client

Exit codes: 0 done, 1 refused or failed, 2 usage or configuration.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Run a server to try things with: open rooms, and tokens for alice and bob
    Dev(DevArgs),
    /// Make and judge tokens
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Print the specification of the wire protocol
    Protocol,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Sign a token and print it, and nothing else
    Mint(MintArgs),
    /// Judge a token as the server would, and say which rule it breaks
    Check(CheckArgs),
}

#[derive(Args, Debug)]
#[command(after_help = SERVE_HELP)]
pub(super) struct ServeArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Worker threads; 0 is one per core
    #[arg(long, value_name = "COUNT")]
    workers: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

const SERVE_HELP: &str = "\
A configuration that is enough:
  [rooms]
  default = \"open\"              # or \"granted\": only the rooms that a token names
  [[issuer]]
  iss = \"https://app.example\"   # who signs the tokens; not checked without this line
  aud = [\"chat\"]                # whom they are for; the same
  secret_file = \"secret\"        # at least 32 bytes, shared with whoever signs

Every key can come from the environment instead: VESTIBULE_ and its path joined by two underscores,
with numbers for lists. Flags go over the environment, and that over the file.
  VESTIBULE_ROOMS__DEFAULT=open VESTIBULE_ISSUER__0__SECRET_FILE=secret vestibule serve

SIGTERM and SIGINT tell clients to come back, then stop the server.";

#[derive(Args, Debug)]
#[command(after_help = DEV_HELP)]
pub(super) struct DevArgs {
    /// The address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

const DEV_HELP: &str = "\
The secret that signs the tokens is made for this run and kept in memory: a restart ends them.
Configuration file and environment are not read. Not for production.";

#[derive(Args, Debug)]
struct LogArgs {
    /// error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text, json or auto: text on a terminal, JSON elsewhere
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl LogArgs {
    fn flags(self) -> [Option<Flag>; 2] {
        [
            Flag::given("--log-level", "log.level", self.log_level),
            Flag::given("--log-format", "log.format", self.log_format),
        ]
    }
}

impl ServeArgs {
    /// The file, and what goes over it.
    pub(super) fn split(self) -> (Option<PathBuf>, Vec<Flag>) {
        let own = [
            Flag::given("--listen", "listen", self.listen),
            Flag::given("--workers", "workers", self.workers),
        ];
        (self.config, own.into_iter().chain(self.log.flags()).flatten().collect())
    }
}

impl DevArgs {
    /// What goes over the built-in configuration.
    pub(super) fn flags(self) -> Vec<Flag> {
        let own = [Flag::given("--listen", "listen", self.listen)];
        own.into_iter().chain(self.log.flags()).flatten().collect()
    }
}

/// Where a token's key and rules come from.
#[derive(Args, Debug, Default)]
pub(super) struct SourceArgs {
    /// The server's configuration file: its issuer's key and rules (the environment goes over it)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_file", "secret_env"])]
    pub(super) config: Option<PathBuf>,
    /// A file with the shared secret; one final newline is not part of it
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    pub(super) secret_file: Option<PathBuf>,
    /// The variable of the environment that has the shared secret
    #[arg(long, value_name = "NAME")]
    pub(super) secret_env: Option<String>,
    /// The algorithm, where the key leaves a choice (HS256, RS256, ES256, EdDSA, ...)
    #[arg(long, value_name = "NAME")]
    pub(super) algorithm: Option<String>,
    /// The issuer, `iss`
    #[arg(long)]
    pub(super) iss: Option<String>,
    /// The audience, `aud`; give it again for more than one
    #[arg(long)]
    pub(super) aud: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = MINT_HELP)]
pub(super) struct MintArgs {
    /// The user, `sub` (or the claim that the configuration names)
    #[arg(long)]
    pub(super) sub: String,
    /// How long it is good for: seconds, or a number with s, m, h or d
    #[arg(long, default_value = "1h", value_parser = parse_ttl)]
    pub(super) ttl: u64,
    /// The rooms it opens, as a JSON object: {"team:*": ["join", "send"]}
    #[arg(long, value_name = "JSON")]
    pub(super) rooms: Option<String>,
    /// A claim to add or to replace; the value is JSON, give it again for more
    #[arg(long = "claim", value_name = "NAME=JSON")]
    pub(super) claims: Vec<String>,
    /// A private key in PEM to sign with
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_file", "secret_env"])]
    pub(super) key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

const MINT_HELP: &str = "\
Examples:
  vestibule token mint --config vestibule.toml --sub alice --ttl 15m
  vestibule token mint --secret-file secret --sub alice --rooms '{\"lobby\": \"*\"}'
  vestibule token mint --key-file private.pem --algorithm RS256 --sub alice --claim 'admin=true'

There is no flag for the secret itself: arguments can be seen in the list of processes.";

#[derive(Args, Debug)]
#[command(after_help = CHECK_HELP)]
pub(super) struct CheckArgs {
    /// The file that has the token; standard input without it
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// A public key in PEM to check with
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "secret_file", "secret_env"])]
    pub(super) public_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

const CHECK_HELP: &str = "\
Examples:
  vestibule token check --config vestibule.toml < token
  vestibule token mint --secret-file secret --sub alice | vestibule token check --secret-file secret

Exit code 0 for a token that the server would take, 1 for one that it would refuse.
There is no argument for the token itself: arguments can be seen in the list of processes.";

/// Seconds, or a number and a unit.
fn parse_ttl(text: &str) -> Result<u64, String> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    const YEAR_S: u64 = 366 * 86_400;
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, seconds) = match unit {
        Some((unit, seconds)) => (text.strip_suffix(*unit).unwrap_or(text), *seconds),
        None => (text, 1),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(seconds))
        .filter(|ttl| (1..=YEAR_S).contains(ttl))
        .ok_or_else(|| "write 90, 90s, 15m, 1h or 7d; 1 second to 366 days".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lifetimes_have_units() {
        let good = [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)];
        for (text, seconds) in good {
            assert_eq!(parse_ttl(text), Ok(seconds));
        }
        for bad in ["", "m", "0", "-1", "1w", "400d", "1hh", "1.5h", "99999999999999999999d"] {
            assert!(parse_ttl(bad).is_err(), "{bad}");
        }
    }
}
