//! Whose tokens: the issuer of a configuration or of flags, and the key that signs for it.

use super::{
    args::SourceArgs,
    outcome::Failure,
    verifier::{algorithm, text},
};
use crate::{
    config::{Config, Document, Flag, IssuerConfig, KeyConfig, Sources},
    token::{Algorithm, KeyFault, SigningKey},
};
use std::{env, ffi::OsString};

/// Judging a token takes an issuer, and no decision about rooms.
const BARE: Document<'_> =
    Document::Text { name: "flags", text: "rooms.default = \"open\"\n[[issuer]]\n" };

/// The configuration that the flags point to, or that they are, and the number of the issuer that
/// they mean. `key` is a key that a command's own flag names.
///
/// A key among the flags stands alone; a configuration is read as the server reads it.
pub(super) fn config(
    source: SourceArgs,
    key: Option<Flag>,
) -> Result<(Config, Option<usize>), Failure> {
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
    let mut config =
        Config::load(Sources { document, environment, flags: key.into_iter().collect() })?;
    let meant = meant(&config.issuers, source.issuer.as_deref())?;
    let given = source.algorithm.is_some() || source.iss.is_some() || !source.aud.is_empty();
    if given {
        let number = meant.ok_or_else(|| several(&config.issuers))?;
        if let Some(issuer) = config.issuers.get_mut(number) {
            change(issuer, source.algorithm, source.iss, source.aud)?;
        }
    }
    Ok((config, meant))
}

/// The one issuer that the flags mean.
pub(super) fn issuer(source: SourceArgs, key: Option<Flag>) -> Result<IssuerConfig, Failure> {
    let (mut config, meant) = config(source, key)?;
    match meant.filter(|number| *number < config.issuers.len()) {
        Some(number) => Ok(config.issuers.swap_remove(number)),
        None => Err(several(&config.issuers)),
    }
}

/// The number of the issuer called `name`, or of the only one.
fn meant(issuers: &[IssuerConfig], name: Option<&str>) -> Result<Option<usize>, Failure> {
    let Some(name) = name else { return Ok(Some(0).filter(|_| issuers.len() == 1)) };
    match issuers.iter().position(|issuer| &*issuer.name == name) {
        Some(number) => Ok(Some(number)),
        None => Err(Failure::Usage(format!(
            "--issuer {name}: no issuer has this name; there is {}",
            names(issuers)
        ))),
    }
}

fn several(issuers: &[IssuerConfig]) -> Failure {
    Failure::Usage(format!(
        "the configuration has several issuers: say which one with --issuer NAME; there is {}",
        names(issuers)
    ))
}

fn names(issuers: &[IssuerConfig]) -> String {
    issuers.iter().map(|issuer| &*issuer.name).collect::<Vec<_>>().join(", ")
}

/// Flags go over what the configuration says.
fn change(
    issuer: &mut IssuerConfig,
    algorithm: Option<String>,
    iss: Option<String>,
    aud: Vec<String>,
) -> Result<(), Failure> {
    if let Some(name) = algorithm {
        let known = Algorithm::from_name(&name).ok_or_else(|| {
            let known: Vec<_> = Algorithm::ALL.iter().map(|known| known.as_str()).collect();
            let known = known.join(", ");
            Failure::Usage(format!("--algorithm {name}: is none of {known}"))
        })?;
        issuer.algorithm = Some(known.as_str());
    }
    if let Some(iss) = iss {
        issuer.iss = Some(iss.into());
    }
    if !aud.is_empty() {
        issuer.aud = aud.into_iter().map(Into::into).collect();
    }
    Ok(())
}

fn is_issuer((name, _): &(OsString, OsString)) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("VESTIBULE_ISSUER__"))
}

fn variable(name: String) -> Result<String, Failure> {
    env::var(&name).map_err(|_| {
        Failure::Usage(format!("--secret-env: the variable {name} is not set, or not UTF-8"))
    })
}

/// The key that signs for this issuer: its secret, or a private key in PEM.
pub(super) fn signing_key(
    issuer: &IssuerConfig,
    private: Option<&[u8]>,
) -> Result<SigningKey, Failure> {
    let key = match (&issuer.key, private) {
        (_, Some(pem)) => SigningKey::from_private_pem(&text(pem), algorithm(issuer)),
        (KeyConfig::Secret { current, .. }, None) => {
            SigningKey::from_secret(current.reveal(), algorithm(issuer))
        }
        (KeyConfig::PublicKey(_) | KeyConfig::Set(_), None) => {
            let what = "this issuer has public keys, which cannot sign: give the private one \
                        with --key-file";
            return Err(Failure::Usage(format!("{}: {what}", issuer.key_origin)));
        }
    };
    key.map_err(|fault: KeyFault| Failure::Usage(format!("{}: {fault}", issuer.key_origin)))
}
