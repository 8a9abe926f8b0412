//! NOT an identity provider for production: a small one, beside Vestibule, to read and to copy from.

use clap::Parser;
use identity::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("identity: {why}");
            ExitCode::FAILURE
        }
    }
}
