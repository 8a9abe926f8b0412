//! The command line: flags to a configuration, to a server or a token, to an exit code.

mod args;
mod check;
mod clock;
mod config;
#[cfg(feature = "client")]
mod connect;
mod dev;
mod directory;
mod keygen;
mod logging;
mod manual;
mod mint;
mod outcome;
mod reload;
mod serve;
mod source;
mod style;
mod verifier;
mod version;

use args::{Cli, Command, TokenCommand};
use clap::Parser;
use outcome::Failure;
use std::process::ExitCode;

/// The specification of the wire protocol, as `vestibule protocol` prints it.
const PROTOCOL: &str = include_str!("../../protocol.md");

/// Runs the command that the process was called with: 0 done, 1 refused or failed, 2 usage or
/// configuration.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::serve(args),
        Command::Dev(args) => dev::dev(args),
        #[cfg(feature = "client")]
        Command::Connect(args) => connect::connect(*args),
        Command::Token { command: TokenCommand::Mint(args) } => mint::mint(*args),
        Command::Token { command: TokenCommand::Check(args) } => check::check(*args),
        Command::Keygen(args) => keygen::keygen(args),
        Command::Config { command } => config::config(command),
        Command::Protocol => outcome::print(PROTOCOL),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}
