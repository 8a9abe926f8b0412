//! Whose tokens: the issuer of a configuration or of flags, as keys and rules of the verifier.

use super::{args::SourceArgs, outcome::Failure};
use crate::{
    config::{Config, Document, Flag, IssuerConfig, KeyConfig, Sources},
    protocol::identity::Quotas,
    token::{Algorithm, IssuerRules, IssuerVerifier, Key, KeyFault, SigningKey},
};
use std::{env, ffi::OsString};

/// Judging a token takes an issuer, and no decision about rooms.
const BARE: Document<'_> =
    Document::Text { name: "flags", text: "rooms.default = \"open\"\n[[issuer]]\n" };

/// The configuration that the flags point to, or that they are. `key` is a key that a command's
/// own flag names.
///
/// A key among the flags stands alone; a configuration is read as the server reads it.
pub(super) fn config(source: SourceArgs, key: Option<Flag>) -> Result<Config, Failure> {
    let file = source.secret_file.map(|path| path.display().to_string());
    let secret = source.secret_env.map(variable).transpose()?;
    let key = key.or(Flag::given("--secret-file", "issuer.0.secret_file", file)).or(Flag::given(
        "--secret-env",
        "issuer.0.secret",
        secret,
    ));
    let document = source.config.as_deref().map_or(BARE, Document::File);
    let environment: Vec<_> = if key.is_some() { Vec::new() } else { env::vars_os().collect() };
    let named = source.config.is_some() || key.is_some() || environment.iter().any(is_issuer);
    if !named {
        return Err(Failure::Usage(
            "no key: give --config, --secret-file, --secret-env, a key file, or set \
             VESTIBULE_ISSUER__0__SECRET"
                .to_owned(),
        ));
    }
    let rules = [
        Flag::given("--algorithm", "issuer.0.algorithm", source.algorithm),
        Flag::given("--iss", "issuer.0.iss", source.iss),
    ];
    let flags = rules.into_iter().chain([key]).flatten().collect();
    let mut config = Config::load(Sources { document, environment, flags })?;
    if !source.aud.is_empty() {
        config.issuer.aud = source.aud.into_iter().map(Into::into).collect();
    }
    Ok(config)
}

fn is_issuer((name, _): &(OsString, OsString)) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("VESTIBULE_ISSUER__0__"))
}

fn variable(name: String) -> Result<String, Failure> {
    env::var(&name).map_err(|_| {
        Failure::Usage(format!("--secret-env: the variable {name} is not set, or not UTF-8"))
    })
}

/// The verifier that the server uses for this issuer.
pub(super) fn verifier(config: &Config) -> Result<IssuerVerifier<Key>, Failure> {
    let issuer = &config.issuer;
    let key = match &issuer.key {
        KeyConfig::Secret(secret) => Key::from_secret(secret.reveal(), algorithm(issuer)),
        KeyConfig::PublicKey(pem) => Key::from_public_pem(&text(pem), algorithm(issuer)),
    };
    let key = key.map_err(|fault| bad_key(issuer, &fault))?;
    Ok(IssuerVerifier::new(rules(issuer), key).with_token_bytes(config.auth.token_bytes))
}

/// The key that signs for this issuer: its secret, or a private key in PEM.
pub(super) fn signing_key(
    issuer: &IssuerConfig,
    private: Option<&[u8]>,
) -> Result<SigningKey, Failure> {
    let key = match (&issuer.key, private) {
        (_, Some(pem)) => SigningKey::from_private_pem(&text(pem), algorithm(issuer)),
        (KeyConfig::Secret(secret), None) => {
            SigningKey::from_secret(secret.reveal(), algorithm(issuer))
        }
        (KeyConfig::PublicKey(_), None) => {
            let what = "this issuer has a public key, which cannot sign: give the private one \
                        with --key-file";
            return Err(Failure::Usage(format!("{}: {what}", issuer.key_origin)));
        }
    };
    key.map_err(|fault| bad_key(issuer, &fault))
}

/// What the issuer's tokens must say.
pub(super) fn rules(issuer: &IssuerConfig) -> IssuerRules {
    IssuerRules {
        iss: issuer.iss.clone(),
        aud: issuer.aud.clone(),
        leeway_ms: issuer.leeway_ms,
        subject_claim: issuer.subject_claim.clone(),
        subject_integers: issuer.subject_integers,
        required_claims: issuer.required_claims.clone(),
        user_prefix: issuer.user_prefix.clone(),
        ceiling: Quotas::default(),
        ..IssuerRules::default()
    }
}

fn algorithm(issuer: &IssuerConfig) -> Option<Algorithm> {
    issuer.algorithm.and_then(Algorithm::from_name)
}

/// PEM is ASCII: what is not shows up as a bad key.
fn text(pem: &[u8]) -> String {
    String::from_utf8_lossy(pem).into_owned()
}

fn bad_key(issuer: &IssuerConfig, fault: &KeyFault) -> Failure {
    Failure::Usage(format!("{}: {fault}", issuer.key_origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_and_verifier_know_the_same_algorithms() {
        for known in Algorithm::ALL {
            let flag = |key, value: &str| Flag { name: "--flag", key, value: value.to_owned() };
            let flags =
                vec![flag("issuer.0.secret", "s"), flag("issuer.0.algorithm", known.as_str())];
            let sources = Sources { document: BARE, flags, ..Sources::default() };
            let config = Config::load(sources).unwrap();
            assert_eq!(algorithm(&config.issuer), Some(*known));
        }
    }
}
