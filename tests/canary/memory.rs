//! What a process has in its memory: every place that it can write to, read from outside.

use std::{
    fs::{self, File},
    io::BufRead,
    os::unix::fs::FileExt,
};

/// The length of the pieces that are looked for, in bytes: what is left of a secret counts if one
/// whole piece of it is.
const PIECE: usize = 14;

/// Everything that `process` could write to, as it is now.
pub(crate) fn of(process: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("its maps");
    let memory = File::open(format!("/proc/{process}/mem")).expect("its memory");
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split(' ');
        let (range, access) = (fields.next().expect("a range"), fields.next().expect("access"));
        if !access.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').expect("two addresses");
        let [from, to] = [from, to].map(|it| u64::from_str_radix(it, 16).expect("hexadecimal"));
        let at = all.len();
        all.resize(at + usize::try_from(to - from).expect("a length"), 0);
        // What was given back meanwhile holds nothing any more.
        let _ = memory.read_exact_at(&mut all[at..], from);
    }
    all
}

/// The pieces of `text` that stand in `memory`.
pub(crate) fn pieces<'a>(memory: &[u8], text: &'a str) -> Vec<&'a str> {
    let found = |piece: &&str| holds(memory, piece.as_bytes());
    text.as_bytes()
        .chunks_exact(PIECE)
        .map(|piece| str::from_utf8(piece).expect("ASCII"))
        .filter(found)
        .collect()
}

/// Whether `memory` has this text anywhere.
pub(crate) fn holds(memory: &[u8], text: &[u8]) -> bool {
    let (first, behind) = text.split_first().expect("a text");
    let mut rest = memory;
    // The library skips to one byte faster than a test would by itself.
    while rest.skip_until(*first).is_ok_and(|skipped| skipped > 0) {
        if rest.starts_with(behind) {
            return true;
        }
    }
    false
}

#[test]
fn what_is_there_is_found() {
    let marker = format!("a marker that stands {} here", std::process::id());
    assert!(holds(&of(std::process::id()), marker.as_bytes()));
    let secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    assert_eq!(pieces(secret.as_bytes(), secret).len(), secret.len() / PIECE);
    assert_eq!(pieces(format!("x{}", &secret[PIECE..]).as_bytes(), secret).len(), 2);
    assert!(pieces(&secret.as_bytes()[1..27], secret).is_empty());
}
