//! The arguments of `vestibule keygen`.

use crate::token::{Algorithm, generate::RsaBits};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = KEYGEN_HELP)]
pub(in super::super) struct KeygenArgs {
    /// What the key is for: HS256, HS384, HS512 (a shared secret), RS256, RS384, RS512, PS256,
    /// PS384, PS512, ES256, ES384, EdDSA (a key pair)
    #[arg(default_value = "HS256", hide_possible_values = true)]
    pub(in super::super) algorithm: Algorithm,
    /// Where the secret or the private key goes [default: secret, or private.pem]
    #[arg(long, value_name = "FILE")]
    pub(in super::super) out: Option<PathBuf>,
    /// Where the public key goes [default: public.pem beside the private one]
    #[arg(long, value_name = "FILE")]
    pub(in super::super) public_out: Option<PathBuf>,
    /// The size of an RSA key
    #[arg(long, value_enum, default_value_t, value_name = "BITS")]
    pub(in super::super) bits: Bits,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in super::super) enum Bits {
    #[default]
    #[value(name = "2048")]
    B2048,
    #[value(name = "3072")]
    B3072,
    #[value(name = "4096")]
    B4096,
}

impl From<Bits> for RsaBits {
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::B2048 => Self::B2048,
            Bits::B3072 => Self::B3072,
            Bits::B4096 => Self::B4096,
        }
    }
}

impl ValueEnum for Algorithm {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.as_str()))
    }
}

const KEYGEN_HELP: &str = "\
Examples:
  vestibule keygen                      a secret of 32 random bytes, in the file `secret`
  vestibule keygen ES256                private.pem and public.pem, on the curve P-256
  vestibule keygen RS256 --bits 3072    the same for RSA

With a secret whoever checks tokens could sign some too. With a key pair only the issuer of tokens
can sign: Vestibule gets the public key.

Files with a secret or a private key can be read by their owner only. No file is overwritten.";
