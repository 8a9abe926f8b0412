//! The verifier of a configuration: the rules and the keys of its issuers.

use super::outcome::Failure;
use crate::{
    config::{self, Config, IssuerConfig, KeyConfig, KeySet, KeysFrom},
    fetch::Trust,
    token::{
        Algorithm, IssuerRules, Issuers, KeyRing, TypePolicy,
        source::{AnyKeys, KeySource, Location, SourceFault, SourceSettings},
    },
};
use std::fmt::Display;
use tokio::runtime::Builder;

/// The verifier that the server uses for these issuers.
pub(super) fn verifier(config: &Config) -> Result<Issuers<AnyKeys>, Failure> {
    let issuers = keys(config).map_err(|faults| Failure::Usage(faults.join("\n")))?;
    let issuers = Issuers::several(issuers).map_err(|why| Failure::Usage(why.to_string()))?;
    Ok(issuers.with_token_bytes(config.auth.token_bytes))
}

/// The rules and the keys of every issuer.
///
/// # Errors
/// What is wrong with each: a configuration knows the bytes of its keys only.
pub(super) fn keys(config: &Config) -> Result<Vec<(IssuerRules, AnyKeys)>, Vec<String>> {
    let mut faults = Vec::new();
    let mut issuers = Vec::new();
    for issuer in &config.issuers {
        match keys_of(issuer) {
            Ok(keys) => issuers.push((rules(issuer), keys)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(issuers) } else { Err(faults) }
}

fn keys_of(issuer: &IssuerConfig) -> Result<AnyKeys, String> {
    let at = |fault: &dyn Display| format!("{}: {fault}", issuer.key_origin);
    let ring = match &issuer.key {
        KeyConfig::Secret { current, previous } => {
            let ring = KeyRing::secret(current.reveal(), algorithm(issuer));
            let ring = ring.map_err(|fault| at(&fault))?;
            match previous {
                None => ring,
                Some(previous) => ring
                    .with_previous(previous.secret.reveal(), previous.until)
                    .map_err(|fault| format!("{}: {fault}", previous.origin))?,
            }
        }
        KeyConfig::PublicKey(pem) => {
            KeyRing::public_pem(&text(pem), algorithm(issuer)).map_err(|fault| at(&fault))?
        }
        KeyConfig::Set(set) => return key_source(issuer, set),
    };
    Ok(ring.of_issuer(&issuer.name).into())
}

fn key_source(issuer: &IssuerConfig, set: &KeySet) -> Result<AnyKeys, String> {
    let location = match &set.from {
        KeysFrom::File(path) => Ok(Location::File(path.clone())),
        KeysFrom::Url(url) => Location::set(url),
        KeysFrom::Discovery(issuer) => Location::discovery(issuer),
    };
    let mut settings = SourceSettings::new(
        &issuer.name,
        location.map_err(|fault| format!("{}: {fault}", issuer.key_origin))?,
    );
    if let Some((path, origin)) = &set.ca_file {
        // It is read again with each fetch; what is wrong with it now is said now.
        let trust = Trust::load(Some(path));
        trust.map_err(|fault| format!("{origin}: {fault}"))?;
    }
    match set.from {
        KeysFrom::File(_) => {}
        KeysFrom::Url(_) | KeysFrom::Discovery(_) => settings.bounds.stale_ms = set.stale_ms,
    }
    settings.algorithm = algorithm(issuer);
    settings.algorithms = set.algorithms.iter().filter_map(|n| Algorithm::from_name(n)).collect();
    settings.ca_file = set.ca_file.as_ref().map(|(path, _)| path.clone());
    settings.end_sessions = set.end_sessions_of_removed_keys;
    Ok(KeySource::new(settings).into())
}

/// One look where the keys of an issuer come from.
pub(super) struct Look {
    /// The name of the issuer.
    pub(super) issuer: Box<str>,
    /// A path, or a host.
    pub(super) from: String,
    /// How it went.
    pub(super) outcome: Result<(), SourceFault>,
}

/// Looks once where the keys of the issuers come from that `wanted` picks: where, and how it went.
/// Nobody may run their upkeep.
pub(super) fn look<'a>(
    config: &Config,
    issuers: impl IntoIterator<Item = &'a AnyKeys>,
    wanted: impl Fn(&IssuerConfig) -> bool,
) -> Result<Vec<Look>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| Failure::Failed(why.to_string()))?;
    let all = config.issuers.iter().zip(issuers).filter(|(issuer, _)| wanted(issuer));
    let mut looks = Vec::new();
    for (issuer, keys) in all {
        let AnyKeys::Source(source) = keys else { continue };
        let from = source.settings().location.to_string();
        let outcome = runtime.block_on(source.look());
        looks.push(Look { issuer: issuer.name.clone(), from, outcome });
    }
    // A resolver that hangs must not hold the end of the command.
    runtime.shutdown_background();
    Ok(looks)
}

/// What the issuer's tokens must say.
pub(super) fn rules(issuer: &IssuerConfig) -> IssuerRules {
    let claims = &issuer.claims;
    IssuerRules {
        name: issuer.name.clone(),
        iss: issuer.iss.clone(),
        aud: issuer.aud.clone(),
        types: match issuer.typ {
            config::TypePolicy::Lax => TypePolicy::Lax,
            config::TypePolicy::Strict => TypePolicy::Strict,
        },
        leeway_ms: issuer.leeway_ms,
        max_lifetime_ms: issuer.max_lifetime_ms,
        subject_claim: issuer.subject_claim.clone(),
        subject_integers: issuer.subject_integers,
        rooms_claim: claims.rooms.clone(),
        limits_claim: claims.limits.clone(),
        info_claim: claims.info.clone(),
        room_claim: claims.room.clone(),
        allow_claim: claims.allow.clone(),
        required_claims: issuer.required_claims.clone(),
        user_prefix: issuer.user_prefix.clone(),
        ceiling: issuer.ceiling,
    }
}

/// The algorithm that the configuration chooses.
pub(super) fn algorithm(issuer: &IssuerConfig) -> Option<Algorithm> {
    issuer.algorithm.and_then(Algorithm::from_name)
}

/// PEM is ASCII: what is not shows up as a bad key.
pub(super) fn text(pem: &[u8]) -> String {
    String::from_utf8_lossy(pem).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Flag, token::issuers::check_issuers};

    #[test]
    fn configuration_and_verifier_know_the_same_algorithms() {
        for known in Algorithm::ALL {
            let flag = |key, value: &str| Flag { name: "--flag", key, value: value.to_owned() };
            let flags =
                vec![flag("issuer.0.secret", "s"), flag("issuer.0.algorithm", known.as_str())];
            let text = "rooms.default = \"open\"\n[[issuer]]\n";
            let config = Config::from_toml("flags", text, flags).unwrap();
            assert_eq!(algorithm(&config.issuers[0]), Some(*known));
        }
    }

    /// The configuration judges names of claims before there are rules: both must say the same.
    #[test]
    fn configuration_and_verifier_refuse_the_same_names_of_claims() {
        let claims = [
            "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "rooms", "limits", "info",
            "room", "allow", "other", "Exp",
        ];
        type Setting = (&'static str, fn(&mut IssuerRules) -> &mut Box<str>);
        let settings: [Setting; 6] = [
            ("subject_claim", |rules| &mut rules.subject_claim),
            ("rooms_claim", |rules| &mut rules.rooms_claim),
            ("limits_claim", |rules| &mut rules.limits_claim),
            ("info_claim", |rules| &mut rules.info_claim),
            ("room_claim", |rules| &mut rules.room_claim),
            ("allow_claim", |rules| &mut rules.allow_claim),
        ];
        let mut refused = 0;
        for (setting, field) in settings {
            for claim in claims {
                let mut rules = IssuerRules::default();
                *field(&mut rules) = claim.into();
                let known = rules.check_names().is_ok();
                let text = "rooms.default = 'open'\n[[issuer]]\nsecret = 's'\n";
                let config = format!("{text}{setting} = '{claim}'\n");
                let config = Config::from_toml("names", &config, Vec::new());
                assert_eq!(config.is_ok(), known, "{setting} = {claim}: {config:?}");
                refused += usize::from(!known);
            }
        }
        // Of the subject, then of each other: registered names, and those of its siblings.
        assert_eq!(refused, (5 + 5) + 5 * (8 + 4));
    }

    /// The same for issuers that stand beside each other.
    #[test]
    fn configuration_and_verifier_refuse_the_same_neighbours() {
        let lines = [
            "",
            "iss = 'a'",
            "user_prefix = 'a'",
            "iss = 'a'\nuser_prefix = 'a'",
            "iss = 'b'\nuser_prefix = 'ab'",
            "iss = 'c'\nuser_prefix = 'c'",
            "iss = 'd'\nuser_prefix = ''",
        ];
        let part = |lines: &str| {
            let text = format!("rooms.default = 'open'\n[[issuer]]\nsecret = 's'\n{lines}\n");
            rules(&Config::from_toml("alone", &text, Vec::new()).unwrap().issuers[0])
        };
        let mut good = 0;
        for one in lines {
            for other in lines {
                let text = format!(
                    "rooms.default = 'open'\n[[issuer]]\nsecret = 's'\n{one}\n\
                     [[issuer]]\nsecret = 's'\n{other}\n"
                );
                let config = Config::from_toml("both", &text, Vec::new());
                let known = check_issuers([&part(one), &part(other)]).is_ok();
                assert_eq!(config.is_ok(), known, "{text}: {config:?}");
                good += usize::from(known);
            }
        }
        assert_eq!(good, 4);
    }
}
