//! Configuration texts: an answer for any of them, and the same one each time.

use vestibule::config::Config;

/// Any text is a configuration or a list of problems in plain text. Texts that name files are left out: what
/// they say would depend on what lies around.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if text.contains("file") {
        return;
    }
    let told = |verdict: Result<Config, _>| match verdict {
        Ok(config) => Ok(format!("{config:?}")),
        Err(problems) => Err(format!("{problems}")),
    };
    let verdict = told(Config::from_toml("fuzz", text, Vec::new()));
    if let Err(problems) = &verdict {
        // Terminals obey control characters: a configuration must not speak to them.
        let plain = problems.chars().all(|c| c == '\n' || !c.is_control());
        assert!(plain && !problems.is_empty(), "{problems:?}");
    }
    assert_eq!(told(Config::from_toml("fuzz", text, Vec::new())), verdict);
}
