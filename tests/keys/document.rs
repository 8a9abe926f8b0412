//! The bounds that the document states are those of the code.

use std::{collections::BTreeMap, fs, path::Path};
use vestibule::token::source::{ASKERS, Bounds, UNKNOWN_KEY_IDS};

#[test]
fn the_document_states_the_bounds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let text = fs::read_to_string(path).expect("the document");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, name, value, "ms", _, _] = cells.as_slice() else { return None };
        Some((name.trim_matches('`').to_owned(), value.parse().expect("a number")))
    });
    let rows: BTreeMap<String, u64> = rows.collect();
    let Bounds {
        fetch_ms,
        least_fresh_ms,
        most_fresh_ms,
        silent_fresh_ms,
        first_pause_ms,
        longest_pause_ms,
        stale_ms,
        cool_down_ms,
        unknown_ms,
        absence_ms,
    } = Bounds::REMOTE;
    let expected = BTreeMap::from([
        ("fetch_ms".to_owned(), fetch_ms),
        ("least_fresh_ms".to_owned(), least_fresh_ms),
        ("most_fresh_ms".to_owned(), most_fresh_ms),
        ("silent_fresh_ms".to_owned(), silent_fresh_ms),
        ("first_pause_ms".to_owned(), first_pause_ms),
        ("longest_pause_ms".to_owned(), longest_pause_ms),
        ("stale_ms".to_owned(), stale_ms),
        ("cool_down_ms".to_owned(), cool_down_ms),
        ("unknown_ms".to_owned(), unknown_ms),
        ("absence_ms".to_owned(), absence_ms),
    ]);
    assert_eq!(rows, expected);
    assert_eq!((UNKNOWN_KEY_IDS, ASKERS), (1_024, 4_096));
    assert!(text.contains("1,024 unknown names") && text.contains("4,096 tokens"));
    assert_eq!(Bounds::FILE.silent_fresh_ms, 2_000);
    assert!(text.contains("every 2 s"));
}
