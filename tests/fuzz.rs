//! The fuzz targets on their corpus and on mutations of it: seconds of what `./check fuzz` does
//! for minutes.
//!
//! `FUZZ_SEED` (printed) repeats a run, `FUZZ_RUNS` is the number of mutations for each target.

#![cfg(feature = "server")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is also a crate of its own")]
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use targets::{TARGETS, Target};

/// Mutations of each target's corpus, unless `FUZZ_RUNS` says otherwise.
const RUNS: u64 = 3_000;
/// Mutations do not grow beyond this, in bytes.
const INPUT_BYTES: usize = 4 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs of a target, by the names of their files.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder().join("corpus").join(target)).expect("a corpus");
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("a file"))
    };
    files.map(|entry| read(entry.expect("an entry").path())).collect()
}

/// The words of the dictionary, in libFuzzer's format.
fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("words.dict")).expect("a dictionary");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| word(line).unwrap_or_else(|| panic!("no word: {line}"))).collect()
}

fn word(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let mut bytes = Vec::new();
    loop {
        let (byte, tail) = match rest {
            [] => break,
            [b'\\', b'x', high, low, tail @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?, tail)
            }
            [b'\\', byte @ (b'\\' | b'"'), tail @ ..] => (*byte, tail),
            [b'\\', ..] => return None,
            [byte, tail @ ..] => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    Some(bytes)
}

#[test]
fn every_target_stands_in_the_crate_and_has_a_corpus() {
    let known: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = |of: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder().join(of)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("corpus"), known);
    assert_eq!(names("fuzz_targets"), known);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).expect("a manifest");
    let bins = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    assert_eq!(
        bins.map(|name| name.trim_end_matches(".rs\"").to_owned()).collect::<BTreeSet<_>>(),
        known
    );
    for name in known {
        assert!(corpus(&name).len() > 4, "{name} has next to no corpus");
    }
}

#[test]
fn what_must_hold_holds_for_the_corpus() {
    for (name, target) in TARGETS {
        for (file, input) in corpus(name) {
            hold(target, &input, &format!("fuzz/corpus/{name}/{file}"));
        }
    }
}

#[test]
fn what_must_hold_holds_for_mutations_of_the_corpus() {
    let number = |name| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seed = number("FUZZ_SEED").unwrap_or_else(random_seed);
    let runs = number("FUZZ_RUNS").unwrap_or(RUNS);
    println!("FUZZ_SEED={seed} FUZZ_RUNS={runs}");
    let words = words();
    for (name, target) in TARGETS {
        let seeds: Vec<_> = corpus(name).into_values().collect();
        let mut mutator = Mutator { state: seed, seeds: &seeds, words: &words };
        for run in 0..runs {
            let input = mutator.input();
            hold(target, &input, &format!("{name}, FUZZ_SEED={seed}, run {run}"));
        }
    }
}

/// Runs a target; says where the input came from, and what it is, if something does not hold.
fn hold(target: Target, input: &[u8], origin: &str) {
    if let Err(why) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        println!("{origin}: b\"{}\"", input.escape_ascii());
        resume_unwind(why);
    }
}

#[expect(clippy::disallowed_methods, reason = "a fresh seed for each run, printed")]
fn random_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_nanos() as u64
}

/// Makes inputs from a seed: a file of the corpus, changed a few times.
struct Mutator<'a> {
    state: u64,
    seeds: &'a [Vec<u8>],
    words: &'a [Vec<u8>],
}

impl Mutator<'_> {
    fn input(&mut self) -> Vec<u8> {
        let mut input = pick(self.seeds, self.random()).clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let len = self.below(8.min(input.len() - at) + 1);
        match self.below(8) {
            0 => drop(input.drain(at..at + len)),
            1 => {
                let copy = input[at..at + len].to_vec();
                let target = self.below(input.len() + 1);
                input.splice(target..target, copy);
            }
            2 | 3 => drop(input.splice(at..at + len, pick(self.words, self.random()).clone())),
            4 => {
                let other = pick(self.seeds, self.random()).clone();
                let from = self.below(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
            5 => input.insert(at, b"\"\\{}[]:,.*0a \n\xC3"[self.below(15)]),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random() % bound.max(1) as u64) as usize
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn pick<T>(all: &[T], random: u64) -> &T {
    &all[(random % all.len() as u64) as usize]
}
