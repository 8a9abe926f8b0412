//! The verifier of a configuration: the rules and the keys of its issuers.

use super::outcome::Failure;
use crate::{
    config::{self, Config, IssuerConfig, KeyConfig, KeySet, KeysFrom},
    fetch::Trust,
    protocol::{identity::Signer, time::Wall},
    token::{
        Algorithm, IssuerRules, Issuers, KeyRing, TypePolicy,
        source::{AnyKeys, KeySource, Location, SourceFault, SourceSettings},
    },
};
use std::fmt::Display;
use tokio::runtime::Builder;

/// The verifier that the server uses for these issuers.
pub(super) fn verifier(config: &Config) -> Result<Issuers<AnyKeys>, Failure> {
    renewed(config, &[])
}

/// The same for a server that runs: a source of keys that did not change is one of `known`, with
/// the keys that it has.
pub(super) fn renewed(config: &Config, known: &[AnyKeys]) -> Result<Issuers<AnyKeys>, Failure> {
    let issuers = keys(config).map_err(|faults| Failure::Usage(faults.join("\n")))?;
    let issuers = issuers.into_iter().map(|(rules, keys)| (rules, known_or(keys, known)));
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

/// The source of `known` that is made of the same settings, or else `keys`.
fn known_or(keys: AnyKeys, known: &[AnyKeys]) -> AnyKeys {
    let AnyKeys::Source(source) = &keys else { return keys };
    let same = known.iter().find_map(|known| match known {
        AnyKeys::Source(old) if old.settings() == source.settings() => Some(old.clone()),
        AnyKeys::Source(_) | AnyKeys::Ring(_) => None,
    });
    same.map_or(keys, AnyKeys::Source)
}

/// The keys of a configuration whose sessions are to end, because another one does not have them
/// any more. A set of keys that is read from elsewhere brings its own: it is not compared.
pub(super) fn removed_keys(
    (old, known): (&Config, &[AnyKeys]),
    (new, keys): (&Config, &[AnyKeys]),
) -> Vec<Signer> {
    // Keys whose time is over count, too: their sessions may still run.
    let always = Wall::default();
    let mut removed = Vec::new();
    for (issuer, known) in old.issuers.iter().zip(known) {
        let ring = match known {
            AnyKeys::Ring(ring) => Some(ring.signers(always).collect::<Vec<_>>()),
            AnyKeys::Source(source) => source.ring().map(|it| it.signers(always).collect()),
        };
        let successor = new.issuers.iter().zip(keys).find(|(it, _)| it.name == issuer.name);
        let kept: Vec<Signer> = match successor {
            None => Vec::new(),
            Some((_, AnyKeys::Ring(ring))) => ring.signers(always).collect(),
            Some((_, AnyKeys::Source(_))) => continue,
        };
        if issuer.end_sessions_of_removed_keys {
            let gone = ring.into_iter().flatten().filter(|signer| !kept.contains(signer));
            removed.extend(gone);
        }
    }
    removed
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
    settings.end_sessions = issuer.end_sessions_of_removed_keys;
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
    use crate::{
        config::Flag,
        token::{Verifier, issuers::check_issuers},
    };
    use std::fs;

    fn load(issuers: &str) -> Config {
        let text = format!("rooms.default = 'open'\n{issuers}");
        Config::from_toml("v.toml", &text, Vec::new()).unwrap()
    }

    fn keys_in(issuers: &Issuers<AnyKeys>) -> Vec<AnyKeys> {
        issuers.iter().map(|(_, keys)| keys.clone()).collect()
    }

    const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k",
        "x":"ChzuOm7v9mZuow19e5NQp7iIWIZyaT-dOO9n_QH45mw"}]}"#;

    #[test]
    fn a_source_that_stays_the_same_keeps_its_keys() {
        let dir = std::env::temp_dir().join(format!("vestibule-renewed-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("keys.json");
        fs::write(&file, SET).unwrap();
        let issuer = |more: &str| format!("[[issuer]]\njwks_file = '{}'\n{more}", file.display());
        let config = load(&issuer("iss = 'a'\n"));
        let issuers = verifier(&config).unwrap();
        let known = keys_in(&issuers);
        look(&config, &known, |_| true).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        let usable = |config: &Config| {
            let issuers = renewed(config, &known).unwrap();
            issuers.figures().sources.map(|sources| sources.usable)
        };
        // What its tokens must say is for each configuration to say anew.
        assert_eq!(usable(&load(&issuer("iss = 'b'\n"))), Some(1));
        let added = format!(
            "{}[[issuer]]\niss = 'z'\nsecret = '{SECRET}'\nuser_prefix = 'z-'\n",
            issuer("iss = 'a'\nuser_prefix = 'a-'\n")
        );
        assert_eq!(usable(&load(&added)), Some(1));
        assert_eq!(usable(&load(&issuer("algorithms = ['EdDSA']\n"))), Some(0), "another one");
        assert_eq!(usable(&load(&issuer("name = 'other'\n"))), Some(0), "its keys are its own");
    }

    const SECRET: &str = "sesame-sesame-sesame-sesame-sesame";
    const NEXT: &str = "another-another-another-another-an";

    #[test]
    fn keys_are_removed_when_no_issuer_of_the_name_has_them_and_somebody_wants_to_know() {
        let removed = |old: &str, new: &str| {
            let (old, new) = (load(old), load(new));
            let (known, keys) =
                (keys_in(&verifier(&old).unwrap()), keys_in(&verifier(&new).unwrap()));
            removed_keys((&old, &known), (&new, &keys)).len()
        };
        let end = "end_sessions_of_removed_keys = true\n";
        let issuer = |secret: &str| format!("[[issuer]]\nname = 'a'\nsecret = '{secret}'\n");
        let wants = |secret: &str| issuer(secret) + end;
        let previous = format!(
            "previous_secret = '{SECRET}'\n\
                                previous_until = '2000-01-01T00:00:00Z'\n"
        );
        let set = "[[issuer]]\nname = 'a'\njwks_file = 'x'\n";
        for (old, new, count) in [
            (issuer(SECRET), issuer(NEXT), 0),
            (wants(SECRET), wants(SECRET), 0),
            (wants(SECRET), issuer(NEXT), 1),
            (issuer(SECRET), wants(NEXT), 0),
            (wants(SECRET), issuer(NEXT) + &previous, 0),
            (wants(NEXT) + &previous, issuer(NEXT), 1),
            (wants(SECRET), issuer(SECRET).replace("'a'", "'b'"), 1),
            (wants(SECRET), set.to_owned(), 0),
            (set.to_owned() + end, issuer(SECRET), 0),
        ] {
            assert_eq!(removed(&old, &new), count, "{old}, then {new}");
        }
    }

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
