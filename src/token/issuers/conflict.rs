//! Which issuers cannot stand side by side: nobody may be taken for somebody else.

use crate::token::{IssuerRules, NameFault};
use std::fmt;

/// Judges whether these are the issuers of one server.
///
/// The claims of each have names of their own. Of several, each has an `iss` of its own and a
/// `user_prefix`, none of which begins another: no subject of one issuer can then spell the public
/// id of another's.
///
/// # Errors
/// The first [`IssuerConflict`] met.
pub fn check_issuers<'a>(
    issuers: impl IntoIterator<Item = &'a IssuerRules>,
) -> Result<(), IssuerConflict> {
    let issuers: Vec<Named<'_>> = issuers.into_iter().enumerate().map(Named::new).collect();
    if issuers.is_empty() {
        return Err(IssuerConflict::Nobody);
    }
    for issuer in &issuers {
        let names = issuer.rules.check_names();
        names.map_err(|fault| IssuerConflict::Claims { issuer: issuer.label(), fault })?;
    }
    if issuers.len() == 1 {
        return Ok(());
    }
    for (at, issuer) in issuers.iter().enumerate() {
        issuer.stands_among_others()?;
        issuers.iter().take(at).try_for_each(|other| other.differs_from(issuer))?;
    }
    Ok(())
}

struct Named<'a> {
    number: usize,
    rules: &'a IssuerRules,
}

impl<'a> Named<'a> {
    fn new((at, rules): (usize, &'a IssuerRules)) -> Self {
        Self { number: at + 1, rules }
    }

    /// Its name, or else its place.
    fn label(&self) -> Box<str> {
        match &*self.rules.name {
            "" => format!("number {}", self.number).into(),
            name => format!("`{name}`").into(),
        }
    }

    fn stands_among_others(&self) -> Result<(), IssuerConflict> {
        if self.rules.iss.is_none() {
            return Err(IssuerConflict::NoIss { issuer: self.label() });
        }
        if self.rules.user_prefix.is_empty() {
            return Err(IssuerConflict::NoPrefix { issuer: self.label() });
        }
        Ok(())
    }

    fn differs_from(&self, other: &Self) -> Result<(), IssuerConflict> {
        if let Some(iss) =
            self.rules.iss.as_ref().filter(|iss| other.rules.iss.as_ref() == Some(iss))
        {
            let (first, second) = (self.label(), other.label());
            return Err(IssuerConflict::SameIss { first, second, iss: iss.clone() });
        }
        for (short, long) in [(self, other), (other, self)] {
            if long.rules.user_prefix.starts_with(&*short.rules.user_prefix) {
                return Err(IssuerConflict::Prefixes {
                    short: (short.label(), short.rules.user_prefix.clone()),
                    long: (long.label(), long.rules.user_prefix.clone()),
                });
            }
        }
        Ok(())
    }
}

/// Why issuers cannot stand side by side, for people. Issuers are called by their names, or by
/// their places.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerConflict {
    /// There is no issuer at all.
    Nobody,
    /// The claims of one issuer have names that they cannot have.
    Claims {
        /// Whose.
        issuer: Box<str>,
        /// Why.
        fault: NameFault,
    },
    /// One of several has no `iss` to be known by.
    NoIss {
        /// Which one.
        issuer: Box<str>,
    },
    /// Two have the same `iss`.
    SameIss {
        /// One.
        first: Box<str>,
        /// The other.
        second: Box<str>,
        /// What both have.
        iss: Box<str>,
    },
    /// One of several has no `user_prefix`.
    NoPrefix {
        /// Which one.
        issuer: Box<str>,
    },
    /// One `user_prefix` begins another, or is the same.
    Prefixes {
        /// An issuer and its prefix.
        short: (Box<str>, Box<str>),
        /// The issuer whose prefix begins with it, and that prefix.
        long: (Box<str>, Box<str>),
    },
}

impl fmt::Display for IssuerConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("there is no issuer: nobody could sign in"),
            Self::Claims { issuer, fault } => write!(f, "issuer {issuer}: {fault}"),
            Self::NoIss { issuer } => write!(
                f,
                "issuer {issuer} has no `iss`: with several issuers each needs one, it says whose \
                 token it is",
            ),
            Self::SameIss { first, second, iss } => write!(
                f,
                "issuers {first} and {second} have the same `iss` \"{iss}\": keep one, or give \
                 each its own",
            ),
            Self::NoPrefix { issuer } => write!(
                f,
                "issuer {issuer} has no `user_prefix`: with several issuers each needs one, so \
                 that no user can be taken for another issuer's",
            ),
            Self::Prefixes { short: (first, short), long: (second, long) } => write!(
                f,
                "the `user_prefix` \"{long}\" of issuer {second} begins with \"{short}\", that of \
                 issuer {first}: users of one could pass for users of the other; end each with a \
                 separator, such as \"{short}:\"",
            ),
        }
    }
}

impl std::error::Error for IssuerConflict {}
