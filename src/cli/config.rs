//! `vestibule config`: check a configuration, begin one, explain all keys.

use super::{
    args::{ConfigCheckArgs, ConfigCommand},
    clock,
    outcome::{self, Failure},
    source,
};
use crate::config::{self, Config, Document, Flag, Sources};
use std::{
    env,
    path::{Path, PathBuf},
};

/// The name that people give the file.
const USUAL: &str = "vestibule.toml";

pub(super) fn config(command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check(args) => check(args),
        ConfigCommand::Default => outcome::print(&config::template()),
        ConfigCommand::Reference => outcome::print(&config::reference()),
    }
}

fn check(ConfigCheckArgs { config: file }: ConfigCheckArgs) -> Result<(), Failure> {
    let (warnings, problems) = match sources(file.as_deref(), Vec::new()) {
        Ok(config) => (warnings(&config), source::keys(&config).err().unwrap_or_default()),
        Err(error) => {
            let problems = error.problems.iter().map(ToString::to_string).collect();
            (error.warnings, problems)
        }
    };
    for warning in &warnings {
        outcome::note(&format!("warning: {warning}"));
    }
    // Bare lines, `FILE:LINE: ` first: editors and terminals lead from there to the place.
    problems.iter().for_each(|problem| outcome::note(problem));
    if !problems.is_empty() {
        let hint = usual(file.as_deref()).unwrap_or_default();
        outcome::note(&format!("{} wrong; the server would not start{hint}", problems.len()));
        return Err(Failure::Faulty);
    }
    let name = file.as_ref().map_or("the environment".into(), |path| path.display().to_string());
    let warned = match warnings.len() {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        more => format!(", with {more} warnings"),
    };
    outcome::print(&format!("good: the server would start with {name}{warned}\n"))
}

fn warnings(config: &Config) -> Vec<String> {
    let of_now = config.warnings_at(clock::wall());
    config.warnings.iter().cloned().chain(of_now).collect()
}

/// The configuration of a server, as `serve` reads it.
pub(super) fn load(file: Option<PathBuf>, flags: Vec<Flag>) -> Result<Config, Failure> {
    sources(file.as_deref(), flags).map_err(|error| {
        let hint = usual(file.as_deref()).map(|hint| format!("\nnothing was read{hint}"));
        Failure::Usage(format!("{error}{}", hint.unwrap_or_default()))
    })
}

fn sources(file: Option<&Path>, flags: Vec<Flag>) -> Result<Config, config::ConfigError> {
    let document = file.map_or(Document::None, Document::File);
    Config::load(Sources { document, environment: env::vars_os().collect(), flags })
}

/// A word for those who have a file and did not name it.
fn usual(file: Option<&Path>) -> Option<String> {
    let there = file.is_none() && Path::new(USUAL).exists();
    there.then(|| format!(" (there is a {USUAL} here: did you mean --config {USUAL}?)"))
}
