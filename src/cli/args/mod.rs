//! What the command line understands, and what `--help` teaches.

#[cfg(feature = "client")]
mod connect;
mod keygen;
mod time;
mod token;

#[cfg(feature = "client")]
pub(super) use connect::{ConnectArgs, TokenArgs};
pub(super) use keygen::KeygenArgs;
pub(super) use time::When;
pub(super) use token::{CheckArgs, MintArgs, SourceArgs};

use crate::config::Flag;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A realtime room server whose first message is the sign-in.
///
/// Clients open a WebSocket, send {"type":"auth","payload":"<JWT>"} as their first message, join
/// rooms and chat.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, long_version = super::version::long(), max_term_width = 100, after_help = ROOT_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

const ROOT_HELP: &str = "\
Examples:
  vestibule dev                              try it: tokens for two users, nothing to set up
  vestibule config default > vestibule.toml  begin with your own
  vestibule keygen                           the secret that it names
  vestibule serve --config vestibule.toml    run it
  vestibule protocol | less                  write a client

Exit codes: 0 done, 1 refused or failed, 2 usage or configuration.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Run a server to try things with: open rooms, and tokens for alice and bob
    Dev(DevArgs),
    /// Sign in, chat and see the frames: the first thing to try when something does not work
    #[cfg(feature = "client")]
    Connect(Box<ConnectArgs>),
    /// Make and judge tokens
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Make a secret or a key pair to sign tokens with
    Keygen(KeygenArgs),
    /// Check, begin and explain the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print the specification of the wire protocol
    Protocol,
    /// Print a script that completes commands and flags in a shell
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them
    Man(ManArgs),
}

#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS_HELP)]
pub(super) struct CompletionsArgs {
    /// For which shell
    pub(super) shell: clap_complete::Shell,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  vestibule completions bash > ~/.local/share/bash-completion/completions/vestibule
  vestibule completions zsh > \"${fpath[1]}/_vestibule\"
  vestibule completions fish > ~/.config/fish/completions/vestibule.fish";

#[derive(Args, Debug)]
#[command(after_help = MAN_HELP)]
pub(super) struct ManArgs {
    /// The page of a command, such as: token mint
    #[arg(conflicts_with = "out")]
    pub(super) command: Vec<String>,
    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

const MAN_HELP: &str = "\
Examples:
  vestibule man token mint | man -l -
  vestibule man --out /usr/local/share/man/man1";

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong with a configuration, with file, line and key
    Check(ConfigCheckArgs),
    /// Print a documented configuration file to begin with
    Default,
    /// Print the reference of all keys, in Markdown
    Reference,
}

#[derive(Args, Debug)]
#[command(after_help = CONFIG_CHECK_HELP)]
pub(super) struct ConfigCheckArgs {
    /// The configuration file (TOML); the environment goes over it
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

const CONFIG_CHECK_HELP: &str = "\
Reads what `vestibule serve --config FILE` would read, files with secrets and keys included. It
starts nothing and asks no address.

Exit codes: 0 the server would start with it (warnings or not), 2 it would not.";

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Sign a token and print it, and nothing else
    Mint(Box<MintArgs>),
    /// Judge a token as the server would, and say which rule it breaks
    Check(Box<CheckArgs>),
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

Or, in place of `iss` and `secret_file`, a service that signs people in and publishes its keys:
  discovery = \"https://login.example\"

Every key can come from the environment instead: VESTIBULE_ and its path joined by two underscores,
with numbers for lists. Flags go over the environment, and that over the file.
  VESTIBULE_ROOMS__DEFAULT=open VESTIBULE_ISSUER__0__SECRET_FILE=secret vestibule serve

SIGTERM and SIGINT tell clients to come back, then stop the server. SIGHUP reads the
configuration again, without dropping anybody.";

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
Configuration file and environment are not read. Not for production.

Open the address in a browser: two people chat, and every frame is shown with what it means. The
page is given tokens for any user, so listen on loopback only; elsewhere it asks for one.";

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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
