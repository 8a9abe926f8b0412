//! `vestibule config`: check a configuration, begin one, explain all keys.

use super::{
    args::{ConfigCheckArgs, ConfigCommand},
    clock, directory,
    outcome::{self, Failure},
    verifier::{self, Look},
};
use crate::{
    config::{self, Config, Document, Flag, IssuerConfig, KeyConfig, KeysFrom, Sources},
    token::{IssuerRules, source::AnyKeys},
};
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
        Ok(config) => match verifier::keys(&config) {
            Ok(keys) => (warnings(&config, &keys)?, directory_problems(&config)),
            Err(problems) => (warnings(&config, &[])?, problems),
        },
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

/// What is wrong with the directory; it is not asked.
fn directory_problems(config: &Config) -> Vec<String> {
    directory::checks(config, None).err().map(Failure::into_text).into_iter().collect()
}

/// What the server would warn of, files with keys included. No address is asked.
fn warnings(config: &Config, keys: &[(IssuerRules, AnyKeys)]) -> Result<Vec<String>, Failure> {
    let is_file = |issuer: &IssuerConfig| match &issuer.key {
        KeyConfig::Set(set) => matches!(set.from, KeysFrom::File(_)),
        KeyConfig::Secret { .. } | KeyConfig::PublicKey(_) => false,
    };
    let looks = verifier::look(config, keys.iter().map(|(_, keys)| keys), is_file)?;
    let failed = looks.into_iter().filter_map(|Look { issuer, from, outcome }| {
        let why = outcome.err()?;
        Some(format!(
            "issuer {issuer:?}: no keys from {from}: {why}; the server starts, and lets nobody of \
             this issuer in until there are some"
        ))
    });
    let of_now = config.warnings_at(clock::wall());
    Ok(config.warnings.iter().cloned().chain(of_now).chain(failed).collect())
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
