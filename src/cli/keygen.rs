//! `vestibule keygen`: writes a secret or a key pair, and says what goes where.

use super::{
    args::KeygenArgs,
    outcome::{self, Failure},
};
use crate::token::{
    Algorithm,
    generate::{Generated, generate},
};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The owner reads and writes, nobody else.
const PRIVATE: u32 = 0o600;
/// Anybody may read.
const PUBLIC: u32 = 0o644;

pub(super) fn keygen(args: KeygenArgs) -> Result<(), Failure> {
    let key = generate(args.algorithm, args.bits.into())
        .map_err(|why| Failure::Failed(why.to_string()))?;
    match key {
        Generated::Secret(text) => {
            if args.public_out.is_some() {
                let why = format!("--public-out: {} takes a secret, no key pair", args.algorithm);
                return Err(Failure::Usage(why));
            }
            let out = args.out.unwrap_or_else(|| "secret".into());
            write(&out, PRIVATE, &format!("{text}\n"))?;
            outcome::print(&about_secret(args.algorithm, &out))
        }
        Generated::Pair { private, public } => {
            let out = args.out.unwrap_or_else(|| "private.pem".into());
            let beside = args.public_out.unwrap_or_else(|| out.with_file_name("public.pem"));
            write(&out, PRIVATE, &private)?;
            if let Err(why) = write(&beside, PUBLIC, &public) {
                // Half of a pair is of no use, and would be in the way of the next try.
                let _ = fs::remove_file(&out);
                return Err(why);
            }
            outcome::print(&about_pair(args.algorithm, &out, &beside))
        }
    }
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|why| {
        let name = path.display();
        Failure::Failed(if why.kind() == ErrorKind::AlreadyExists {
            format!(
                "{name} exists already and is not overwritten: tokens signed with it would be \
                 refused from then on; choose another name with --out"
            )
        } else {
            format!("cannot write {name}: {why}")
        })
    })
}

fn about_secret(algorithm: Algorithm, out: &Path) -> String {
    let name = out.display();
    format!(
        "{name}: a secret for {algorithm}; only you can read the file

The secret is the text in it, without the newline: 32 bytes or more, not to be decoded.
Whoever signs tokens has it and so does Vestibule, nobody else.

In the configuration (a path is relative to that file):
  [[issuer]]
  algorithm = \"{algorithm}\"
  secret_file = {path}

A token to try it with:
  vestibule token mint --secret-file {shell} --algorithm {algorithm} --sub alice
",
        path = toml_text(out),
        shell = shell_word(out),
    )
}

fn about_pair(algorithm: Algorithm, out: &Path, public: &Path) -> String {
    format!(
        "{}: the private key; only you can read the file. It signs tokens: it goes to whoever
does that, and never to Vestibule.
{}: the public key, for Vestibule.

In the configuration (a path is relative to that file):
  [[issuer]]
  algorithm = \"{algorithm}\"
  public_key_file = {}

A token to try it with:
  vestibule token mint --key-file {} --algorithm {algorithm} --sub alice
",
        out.display(),
        public.display(),
        toml_text(public),
        shell_word(out),
    )
}

fn toml_text(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}

/// The path as a shell takes it.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        let odd = PathBuf::from("it's \"a\" key");
        assert_eq!(shell_word(&odd), r#"'it'\''s "a" key'"#);
        assert_eq!(shell_word(Path::new("keys/private.pem")), "keys/private.pem");
        let text = about_secret(Algorithm::Hs256, &odd);
        let line = text.lines().find(|line| line.contains("secret_file =")).unwrap();
        let table: toml::Table = line.trim().parse().unwrap();
        assert_eq!(table["secret_file"].as_str(), odd.to_str());
    }
}
