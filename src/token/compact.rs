//! The compact form of a JWS (RFC 7515 7.1): exactly one spelling for every token.

use super::rejection::{FormFault, Part};
use base64::{DecodeError, Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The longest token, in bytes, unless configured otherwise.
pub const TOKEN_BYTES: usize = 8 * 1024;

/// A compact JWS, taken apart and decoded; nothing in it is verified.
pub struct Compact<'a> {
    signing_input: &'a str,
    header: String,
    claims: String,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes `token` apart. The cap is judged before anything is read.
    ///
    /// # Errors
    /// [`FormFault`] for the first rule of RFC 7515 that it breaks.
    pub fn parse(token: &'a str, limit: usize) -> Result<Self, FormFault> {
        if token.len() > limit {
            return Err(FormFault::TooLong { bytes: token.len(), limit });
        }
        if token.starts_with('{') {
            return Err(FormFault::JsonSerialization);
        }
        let (signing_input, signature) = split(token)?;
        let (header, claims) = signing_input.split_once('.').unwrap_or((signing_input, ""));
        let parts = [(Part::Header, header), (Part::Claims, claims), (Part::Signature, signature)];
        if let Some((part, _)) = parts.iter().find(|(_, text)| text.is_empty()) {
            return Err(FormFault::EmptyPart(*part));
        }
        Ok(Self {
            signing_input,
            header: decode_text(Part::Header, header)?,
            claims: decode_text(Part::Claims, claims)?,
            signature: decode(Part::Signature, signature)?,
        })
    }

    /// What is signed: the first two parts as they stood.
    pub const fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// The header's text; not verified, not parsed.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The text of the claims; not verified, not parsed.
    pub fn claims(&self) -> &str {
        &self.claims
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl std::fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compact(..)")
    }
}

/// Splits off the signature, if there are three parts.
fn split(token: &str) -> Result<(&str, &str), FormFault> {
    match token.bytes().filter(|byte| *byte == b'.').count() {
        2 => token.rsplit_once('.').ok_or(FormFault::Parts { found: 1 }),
        4 => Err(FormFault::Encrypted),
        dots => Err(FormFault::Parts { found: dots + 1 }),
    }
}

fn decode_text(part: Part, text: &str) -> Result<String, FormFault> {
    String::from_utf8(decode(part, text)?).map_err(|_| FormFault::NotUtf8(part))
}

/// The engine is strict about the alphabet, padding and stray tail bits.
fn decode(part: Part, text: &str) -> Result<Vec<u8>, FormFault> {
    URL_SAFE_NO_PAD.decode(text).map_err(|fault| match fault {
        DecodeError::InvalidByte(_, b'=') | DecodeError::InvalidPadding => FormFault::Padding(part),
        DecodeError::InvalidByte(..) => FormFault::Alphabet(part),
        DecodeError::InvalidLength(_) => FormFault::Length(part),
        DecodeError::InvalidLastSymbol(..) => FormFault::TailBits(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(token: &str) -> FormFault {
        Compact::parse(token, TOKEN_BYTES).expect_err(token)
    }

    #[test]
    fn takes_three_parts_apart() {
        let compact = Compact::parse("e30.W10.AAE", TOKEN_BYTES).expect("well formed");
        assert_eq!(compact.signing_input(), "e30.W10");
        assert_eq!((compact.header(), compact.claims()), ("{}", "[]"));
        assert_eq!(compact.signature(), [0, 1]);
        assert_eq!(format!("{compact:?}"), "Compact(..)");
    }

    #[test]
    fn the_cap_counts_every_byte() {
        let token = format!("e30.e30.{}", "A".repeat(TOKEN_BYTES - 8));
        assert!(Compact::parse(&token, TOKEN_BYTES).is_ok());
        let token = format!("e30.e30.{}", "A".repeat(TOKEN_BYTES - 7));
        assert_eq!(fault(&token), FormFault::TooLong { bytes: 8_193, limit: 8_192 });
        assert_eq!(fault(&".".repeat(TOKEN_BYTES)), FormFault::Parts { found: 8_193 });
    }

    #[test]
    fn every_fault_has_its_name() {
        let table: &[(&str, FormFault)] = &[
            ("", FormFault::Parts { found: 1 }),
            ("e30", FormFault::Parts { found: 1 }),
            ("e30.e30", FormFault::Parts { found: 2 }),
            ("e30.e30.AA.AA", FormFault::Parts { found: 4 }),
            ("e30.e30.AA.AA.AA", FormFault::Encrypted),
            ("....", FormFault::Encrypted),
            (r#"{"payload":"e30"}"#, FormFault::JsonSerialization),
            ("..", FormFault::EmptyPart(Part::Header)),
            (".e30.AA", FormFault::EmptyPart(Part::Header)),
            ("e30..AA", FormFault::EmptyPart(Part::Claims)),
            ("e30.e30.", FormFault::EmptyPart(Part::Signature)),
            ("e30=.e30.AA", FormFault::Padding(Part::Header)),
            ("e30.e30.AA==", FormFault::Padding(Part::Signature)),
            (" e30.e30.AA", FormFault::Alphabet(Part::Header)),
            ("Bearer e30.e30.AA", FormFault::Alphabet(Part::Header)),
            ("e30.e+0.AA", FormFault::Alphabet(Part::Claims)),
            ("e30.e30.A/", FormFault::Alphabet(Part::Signature)),
            ("e30.e30.AA\n", FormFault::Alphabet(Part::Signature)),
            ("e30.e\u{e9}0.AA", FormFault::Alphabet(Part::Claims)),
            ("e30.e30.AAAA\0", FormFault::Alphabet(Part::Signature)),
            ("e30.e30.AAAAA", FormFault::Length(Part::Signature)),
            ("e31.e30.AA", FormFault::TailBits(Part::Header)),
            ("e30.e30.AB", FormFault::TailBits(Part::Signature)),
            ("_w.e30.AA", FormFault::NotUtf8(Part::Header)),
            ("e30._w.AA", FormFault::NotUtf8(Part::Claims)),
        ];
        for (token, expected) in table {
            assert_eq!(fault(token), *expected, "{token:?}");
        }
    }

    proptest! {
        #[test]
        fn a_token_has_one_spelling(
            header: String, claims: String, signature in prop::collection::vec(any::<u8>(), 1..80),
        ) {
            prop_assume!(!header.is_empty() && !claims.is_empty());
            let parts = [header.as_bytes(), claims.as_bytes(), &signature]
                .map(|part| URL_SAFE_NO_PAD.encode(part));
            let token = parts.join(".");
            let compact = Compact::parse(&token, TOKEN_BYTES).expect("well formed");
            prop_assert_eq!(compact.header(), header);
            prop_assert_eq!(compact.claims(), claims);
            prop_assert_eq!(compact.signature(), signature);
        }

        #[test]
        fn what_parses_encodes_to_itself(token in "[A-Za-z0-9_.=+ -]{0,24}") {
            if let Ok(compact) = Compact::parse(&token, TOKEN_BYTES) {
                let parts = [compact.header().as_bytes(), compact.claims().as_bytes(),
                    compact.signature()];
                prop_assert_eq!(parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join("."), token);
            }
        }

        #[test]
        fn any_text_is_judged(token in any::<String>()) {
            let _ = Compact::parse(&token, TOKEN_BYTES);
        }
    }
}
