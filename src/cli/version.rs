//! What `vestibule --version` says: the version, and what the program is made of.

use std::fmt::Write;

/// Version and build, each on a line.
pub(super) fn long() -> String {
    let mut text = env!("CARGO_PKG_VERSION").to_owned();
    let features = match cfg!(feature = "client") {
        true => "server, client",
        false => "server",
    };
    let facts = [
        ("commit", option_env!("VESTIBULE_BUILD_COMMIT")),
        ("target", option_env!("VESTIBULE_BUILD_TARGET")),
        ("profile", option_env!("VESTIBULE_BUILD_PROFILE")),
        ("rustc", option_env!("VESTIBULE_BUILD_RUSTC")),
        ("features", Some(features)),
    ];
    for (name, fact) in facts {
        let fact = fact.map(|fact| fact.strip_prefix("rustc ").unwrap_or(fact));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{:<10}{}", format!("{name}:"), fact.unwrap_or("not known"));
    }
    text
}
