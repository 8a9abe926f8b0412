//! Several issuers side by side.
