//! The whole verifier, with keys of every kind, against what its parts say alone.

use super::{
    claims::{self, NOW, RULES, Said, Use, before},
    compact::parts,
    forge::{self, Signer},
    json,
};
use std::sync::LazyLock;
use vestibule::token::{
    Compact, HeaderFault, IssuerRules, Issuers, KeyRing, Rejection, TOKEN_BYTES, TypePolicy,
    header::Header,
    ring::{Origin, SetTerms},
};

/// Who signs, and whom nobody should believe.
static SIGNERS: LazyLock<[Vec<Signer>; 2]> = LazyLock::new(|| {
    let signers = forge::signers();
    let attackers = forge::attackers(&signers);
    [signers, attackers]
});

/// A verifier of each signer alone, then one of two issuers.
static VERIFIERS: LazyLock<Vec<Subject>> = LazyLock::new(|| {
    let [signers, _] = &*SIGNERS;
    let mut subjects: Vec<_> =
        (0..signers.len()).map(|at| Subject::new(vec![(RULES[0].clone(), at)])).collect();
    let issuer = |name: &str, types| IssuerRules {
        iss: Some(format!("https://{name}.example").into()),
        user_prefix: format!("{name}:").into(),
        types,
        ..IssuerRules::default()
    };
    let one = (issuer("one", TypePolicy::Lax), 0);
    let two = (issuer("two", TypePolicy::Strict), 2);
    subjects.push(Subject::new(vec![one, two]));
    subjects
});

/// A verifier with a JWK Set.
static NAMED: LazyLock<Subject> = LazyLock::new(|| {
    let keys = SIGNERS[0].iter().filter_map(|signer| signer.jwk(signer.algorithm.as_str()));
    let set = format!(r#"{{"keys":[{}]}}"#, keys.collect::<Vec<_>>().join(","));
    let ring = KeyRing::from_set(&set, &SetTerms::new(Origin::Remote)).expect("a set").0;
    Subject { issuers: Vec::new(), verifier: Issuers::new(RULES[0].clone(), ring) }
});

/// A verifier: the rules of each of its issuers, and who signs for it.
struct Subject {
    issuers: Vec<(IssuerRules, usize)>,
    verifier: Issuers<KeyRing>,
}

impl Subject {
    fn new(issuers: Vec<(IssuerRules, usize)>) -> Self {
        let ring = |at: usize| KeyRing::from(SIGNERS[0][at].key());
        let verifier = match &*issuers {
            [(rules, at)] => Issuers::new(rules.clone(), ring(*at)),
            all => Issuers::several(all.iter().map(|(rules, at)| (rules.clone(), ring(*at))))
                .expect("issuers that differ"),
        };
        Self { issuers, verifier }
    }

    fn judge(&self, token: &str, used: Use) -> Result<Said, Rejection> {
        match used {
            Use::Login => self.verifier.judge(token, NOW).map(Said::from),
            Use::Room => self.verifier.judge_pass(token, NOW).map(Said::from),
        }
    }

    /// The rules that hold for a token of signer `who`, if it is one of an issuer of this verifier.
    fn rules(&self, who: usize, claims: &str) -> Option<&IssuerRules> {
        let iss = iss(claims);
        let named =
            |rules: &IssuerRules| rules.iss.is_none() || rules.iss.as_deref() == iss.as_deref();
        let mut issuers = self.issuers.iter().filter(|(rules, _)| named(rules));
        issuers.find(|(_, signer)| *signer == who).map(|(rules, _)| rules)
    }
}

/// A text is judged as a token as it stands. One that is `kt{header}\n{claims}` is signed by
/// signer `k`, tampered with by method `t`, and judged by everybody: the verdict of the signer's
/// own verifier is that of the parts, and nobody else believes it.
pub fn verifier(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    as_it_stands(text);
    let (Some(who), Some(how)) = (data.first(), data.get(1)) else { return };
    let Some((header, claims)) = text.get(2..).and_then(|rest| rest.split_once('\n')) else {
        return;
    };
    let count = SIGNERS.iter().map(Vec::len).sum::<usize>();
    let who = usize::from(*who) % count;
    let Some(signer) = SIGNERS.iter().flatten().nth(who) else { return };
    let token = signer.token(header, claims);
    let tampered = tamper(&token, *how);
    by_name(who, signer, &token, &tampered);
    for subject in VERIFIERS.iter() {
        let rules = subject.rules(who, claims).filter(|_| tampered == token);
        for used in [Use::Login, Use::Room] {
            let verdict = subject.judge(&tampered, used);
            if let Some(rules) = rules {
                assert_eq!(verdict, composed(&token, used, rules, signer), "{header} {claims}");
            } else if let Ok(said) = verdict {
                panic!("signer {who} was believed, {how}: {header} {claims}: {said:?}");
            }
        }
    }
}

/// A verifier with a set of keys, each called after its algorithm, believes exactly the untouched
/// tokens of their signers that name the right key, or none.
fn by_name(who: usize, signer: &Signer, token: &str, tampered: &str) {
    let verifier = &*NAMED;
    let compact = Compact::parse(token, TOKEN_BYTES).ok();
    let header = compact.as_ref().and_then(|compact| Header::parse(compact.header()).ok());
    let name = header.as_ref().and_then(|header| header.key_id.as_deref());
    let known = who < SIGNERS[0].len() && signer.jwk("").is_some();
    let meant = name.is_none_or(|name| name == signer.algorithm.as_str());
    for used in [Use::Login, Use::Room] {
        let expected = composed(token, used, &RULES[0], signer).ok();
        let expected = expected.filter(|_| known && meant && tampered == token);
        assert_eq!(verifier.judge(tampered, used).ok(), expected, "{name:?}, {who}");
    }
}

/// Whatever is accepted has one spelling, its key's own signature, and an end.
fn as_it_stands(token: &str) {
    for subject in VERIFIERS.iter() {
        let Ok(said) = subject.judge(token, Use::Login) else { continue };
        let compact = Compact::parse(token, TOKEN_BYTES).expect("it was accepted");
        assert_eq!(parts(&compact).map(forge::encode).join("."), token, "one spelling");
        // The two kinds of signatures that a corpus can hold are the same each time.
        let input = compact.signing_input().as_bytes();
        let mut signers = subject.issuers.iter().map(|(_, at)| &SIGNERS[0][*at]);
        assert!(signers.any(|signer| signer.sign(input) == compact.signature()), "whose is it?");
        let over = said.expires_at + said.leeway_ms;
        assert!(NOW < over && subject.verifier.judge(token, before(over, 1)).is_ok());
        let ended = subject.verifier.judge(token, over).err();
        assert!(matches!(ended, Some(Rejection::Expired { .. })), "{ended:?}");
    }
}

/// What form, header and claims say each for itself, the signature being good.
fn composed(
    token: &str,
    used: Use,
    rules: &IssuerRules,
    signer: &Signer,
) -> Result<Said, Rejection> {
    let compact = Compact::parse(token, TOKEN_BYTES)?;
    let header = Header::parse(compact.header())?;
    rules.types.judge(header.typ)?;
    if header.algorithm != signer.algorithm {
        let (key, token) = (signer.algorithm, header.algorithm);
        return Err(HeaderFault::AlgorithmMismatch { key, token }.into());
    }
    claims::at(compact.claims(), used, rules, NOW)
}

/// The issuer that claims name, read naively.
fn iss(claims: &str) -> Option<String> {
    let (_, raw) = json::members(claims)?.into_iter().find(|(name, _)| name == "iss")?;
    serde_json::from_str(&raw).ok()
}

/// The same token, or one that is a little different, by method `how`.
fn tamper(token: &str, how: u8) -> String {
    let (input, signature) = token.rsplit_once('.').expect("three parts");
    let at = usize::from(how >> 3);
    match how % 8 {
        1 => format!("{input}.{}", turn(signature, at)),
        2 => format!("{}.{signature}", turn(input, at)),
        3 => {
            let kept = signature.len().saturating_sub(at % 9 + 1);
            format!("{input}.{}", signature.get(..kept).unwrap_or_default())
        }
        4 => format!("{token}{}", ["=", "A", ".", "\n", " ", ".A"][at % 6]),
        5 => format!("{}{token}", ["Bearer ", " ", ".", "A", "\u{feff}"][at % 5]),
        6 => token.replace('-', "+").replace('_', "/"),
        7 => {
            let (_, claims) = input.rsplit_once('.').expect("three parts");
            let header = forge::encode(br#"{"alg":"none"}"#);
            format!("{header}.{claims}.{}", if at % 2 == 0 { "" } else { signature })
        }
        _ => token.to_owned(),
    }
}

/// Changes one character of base64url, counted from the end.
fn turn(text: &str, at: usize) -> String {
    let target = text.len().saturating_sub(at % text.len().max(1) + 1);
    let turned = text.char_indices().map(|(index, c)| match c {
        _ if index != target => c,
        'A' => 'Q',
        _ => 'A',
    });
    turned.collect()
}
