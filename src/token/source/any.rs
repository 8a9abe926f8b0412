//! The keys of an issuer, whether they stand in the configuration or come from somewhere.

use super::KeySource;
use crate::{
    protocol::{identity::Signer, time::Wall},
    token::{
        Compact, Consultation, House, KeyRefusal, KeyRing, Keys, Rejection, SourceFigures, Upkeep,
        header::Header,
    },
};
use std::sync::Arc;

/// The keys of an issuer; a clone is the same ones.
#[derive(Clone, Debug)]
pub enum AnyKeys {
    /// Those of the configuration: they stay.
    Ring(Arc<KeyRing>),
    /// Those of a file or an address: they change.
    Source(KeySource),
}

impl Keys for AnyKeys {
    fn check(
        &self,
        header: &Header<'_>,
        token: &Compact<'_>,
        now: Wall,
    ) -> Result<Signer, Rejection> {
        match self {
            Self::Ring(ring) => ring.check(header, token, now),
            Self::Source(source) => source.check(header, token, now),
        }
    }

    fn consult(&self, refusal: KeyRefusal, key_id: Option<&str>) -> Consultation {
        match self {
            Self::Ring(ring) => ring.consult(refusal, key_id),
            Self::Source(source) => source.consult(refusal, key_id),
        }
    }

    fn figures(&self) -> Option<SourceFigures> {
        match self {
            Self::Ring(ring) => ring.figures(),
            Self::Source(source) => source.figures(),
        }
    }

    fn upkeep(&self, house: Arc<dyn House>) -> Upkeep {
        match self {
            Self::Ring(ring) => ring.upkeep(house),
            Self::Source(source) => source.upkeep(house),
        }
    }
}

impl From<KeyRing> for AnyKeys {
    fn from(ring: KeyRing) -> Self {
        Self::Ring(Arc::new(ring))
    }
}

impl From<KeySource> for AnyKeys {
    fn from(source: KeySource) -> Self {
        Self::Source(source)
    }
}
