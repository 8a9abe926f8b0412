//! Reads the source of the crate: files, modules, code without comments, texts and tests.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// One file under `src/`.
pub(crate) struct File {
    /// From the root of the package, with `/`.
    pub(crate) path: String,
    /// The module that it is, from the crate's root: empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// As it stands.
    pub(crate) text: String,
    /// Without comments, with empty string literals; tests included.
    pub(crate) all_code: String,
    /// The same without items under `#[cfg(test)]`.
    pub(crate) code: String,
    /// The contents of string literals outside of tests.
    pub(crate) literals: Vec<String>,
    /// Lines outside of tests, comments included.
    pub(crate) lines: usize,
    /// Whether the whole file is compiled for tests only.
    pub(crate) is_test: bool,
}

impl File {
    /// The module below the root that it belongs to; `None` for `lib.rs`.
    pub(crate) fn row(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

/// Every file under `src/`, by path.
pub(crate) fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    let mut files: Vec<_> = paths.iter().map(|path| read(root, path)).collect();
    mark_tests(&mut files);
    files
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry of the source").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> File {
    let text = fs::read_to_string(path).expect("source is UTF-8");
    let relative = path.strip_prefix(root).expect("a path below the root");
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let Lexed { code: all_code, literals } = lex(&text);
    let tests = test_items(&all_code);
    let outside = |at: usize| !tests.iter().any(|range| range.contains(&at));
    let code = all_code.char_indices().filter(|(at, _)| outside(*at)).map(|(_, c)| c).collect();
    let newlines = all_code.match_indices('\n').filter(|(at, _)| outside(*at)).count();
    let literals = literals.into_iter().filter(|(at, _)| outside(*at)).map(|it| it.1).collect();
    File {
        path: parts.join("/"),
        module: module(&parts),
        text,
        all_code,
        code,
        literals,
        lines: newlines,
        is_test: false,
    }
}

fn module(parts: &[String]) -> Vec<String> {
    let mut module: Vec<_> = parts.iter().skip(1).cloned().collect();
    let name = module.pop().unwrap_or_default();
    match name.as_str() {
        "mod.rs" | "lib.rs" => {}
        name => module.push(name.trim_end_matches(".rs").to_owned()),
    }
    module
}

/// A file is a test if its declaration, or that of a module around it, is under `#[cfg(test)]`.
fn mark_tests(files: &mut [File]) {
    let code = |file: &File| (file.module.clone(), (file.all_code.clone(), file.code.clone()));
    let by_module: BTreeMap<_, _> = files.iter().map(code).collect();
    for file in files {
        file.is_test = (1..=file.module.len()).any(|depth| {
            let (parent, name) = (&file.module[..depth - 1], &file.module[depth - 1]);
            by_module
                .get(parent)
                .is_some_and(|(all_code, code)| declares(all_code, name) && !declares(code, name))
        });
    }
}

/// Whether `code` has `mod name;`.
pub(crate) fn declares(code: &str, name: &str) -> bool {
    let declaration = format!("mod {name};");
    code.lines().any(|line| {
        let line = line.trim();
        line.ends_with(&declaration)
            && line.strip_suffix(&declaration).is_some_and(|before| {
                before.is_empty() || before.starts_with("pub") || before.ends_with("] ")
            })
    })
}

/// The value of `const name: T = 64 * 1_024;`.
pub(crate) fn constant(code: &str, name: &str) -> Option<u64> {
    let (_, rest) = code.split_once(&format!("const {name}: "))?;
    let (product, _) = rest.split_once(" = ")?.1.split_once(';')?;
    let factors = product.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>());
    factors.collect::<Result<Vec<_>, _>>().ok().map(|factors| factors.iter().product())
}

struct Lexed {
    /// As long as the text, with blanks for comments and the contents of literals.
    code: String,
    /// Where a string literal stands, and what it says.
    literals: Vec<(usize, String)>,
}

/// Blanks comments and literals, byte for byte, so that positions stay.
fn lex(text: &str) -> Lexed {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_comment(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment(bytes, at),
            b'"' => string(bytes, at),
            b'r' if !follows_word(bytes, at) => raw_string(bytes, at).unwrap_or(at),
            b'\'' => character(bytes, at),
            _ => at,
        };
        if end == at {
            at += 1;
            continue;
        }
        if bytes[at] == b'"' || bytes[at] == b'r' {
            let inner = text[at..end].trim_start_matches('r').trim_matches('#');
            literals.push((at, inner.trim_matches('"').to_owned()));
        }
        let blank = |byte: &mut u8| *byte = if *byte == b'\n' { b'\n' } else { b' ' };
        code[at..end].iter_mut().for_each(blank);
        at = end;
    }
    Lexed { code: String::from_utf8(code).expect("whole literals were blanked"), literals }
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_comment(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0;
    let mut end = at;
    while end < bytes.len() {
        if bytes[end..].starts_with(b"/*") {
            depth += 1;
            end += 2;
        } else if bytes[end..].starts_with(b"*/") {
            depth -= 1;
            end += 2;
        } else {
            end += 1;
        }
        if depth == 0 {
            break;
        }
    }
    end
}

fn string(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + 1 + hashes;
    (bytes.get(open) == Some(&b'"')).then_some(())?;
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inner = bytes[open + 1..].windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + inner + close.len())
}

/// The end of a character literal; `at` for a lifetime.
fn character(bytes: &[u8], at: usize) -> usize {
    let escaped = bytes.get(at + 1) == Some(&b'\\');
    let from = if escaped { at + 3 } else { at + 2 };
    let near = bytes.iter().skip(from).take(if escaped { 10 } else { 3 });
    match near.clone().position(|byte| *byte == b'\'') {
        Some(length) if escaped || is_one_character(&bytes[at + 1..from + length]) => {
            from + length + 1
        }
        _ => at,
    }
}

fn is_one_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
}

/// Where the items under `#[cfg(test)]` stand.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        if found.last().is_none_or(|last| start >= last.end) {
            found.push(start..item_end(code, start + attribute.len()));
        }
    }
    found
}

/// The end of the item that starts at `from`: a `;` outside of brackets, or the closing brace.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return from + at + 1;
                }
            }
            ';' if depth == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}
