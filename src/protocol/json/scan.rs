//! The pass itself: recursive descent, its depth bounded by the nesting limit.

use super::{FaultKind, JsonFault, raw::Raw, raw::Unescaped};
use crate::protocol::limits::JSON_DEPTH;
use smallvec::SmallVec;
use std::{cmp::Ordering, ops::Range};

/// Up to this many names of one object are compared pair by pair instead of sorted.
const PAIRWISE_NAMES: usize = 8;
/// So many names of open objects need no allocation.
const INLINE_NAMES: usize = 16;

/// Which numbers pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Whatever the grammar allows: the text goes on unchanged.
    Any,
    /// Those that fit a double.
    Doubles,
}

/// Where the contents of a string literal stand, quotes excluded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal {
    start: usize,
    end: usize,
    escaped: bool,
    /// A fingerprint of what the literal means, once names are sorted.
    mark: u64,
}

impl Literal {
    fn text(self, all: &str) -> &str {
        slice(all, self.start..self.end)
    }

    /// Whether the literal means `name`.
    pub(super) fn is(self, all: &str, name: &str) -> bool {
        if self.escaped {
            Unescaped::new(self.text(all)).eq(name.chars())
        } else {
            self.text(all) == name
        }
    }

    fn same(self, other: Self, all: &str) -> bool {
        if self.escaped || other.escaped {
            self.cmp(other, all) == Ordering::Equal
        } else {
            self.text(all) == other.text(all)
        }
    }

    /// Equal for literals that mean the same (FNV-1a). Names that collide by design only make
    /// the sort compare texts.
    fn fingerprint(self, all: &str) -> u64 {
        let add = |mark: u64, byte: u8| (mark ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        let seed = 0xCBF2_9CE4_8422_2325;
        if !self.escaped {
            return self.text(all).bytes().fold(seed, add);
        }
        Unescaped::new(self.text(all))
            .fold(seed, |mark, c| c.encode_utf8(&mut [0; 4]).bytes().fold(mark, add))
    }

    /// The order of what the literals mean. UTF-8 sorts like its characters, so that both ways
    /// of comparing agree.
    fn cmp(self, other: Self, all: &str) -> Ordering {
        let (one, two) = (self.text(all), other.text(all));
        if self.escaped || other.escaped {
            Unescaped::new(one).cmp(Unescaped::new(two))
        } else {
            one.cmp(two)
        }
    }
}

/// One pass over one text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    numbers: Numbers,
    /// The names of all open objects, the innermost one's last.
    names: SmallVec<[Literal; INLINE_NAMES]>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, numbers: Numbers) -> Self {
        Self { text, at: 0, numbers, names: SmallVec::new() }
    }

    /// The whole text as one object; `found` gets each of its members.
    pub(super) fn outer_object(
        mut self,
        found: &mut impl FnMut(Literal, Raw<'a>),
    ) -> Result<(), JsonFault> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(1, found)?,
            Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                return Err(self.fault(FaultKind::NotAnObject));
            }
            _ => return Err(self.fault(FaultKind::Syntax)),
        }
        self.finish()
    }

    /// The whole text as one value of any kind.
    pub(super) fn outer_value(mut self) -> Result<Raw<'a>, JsonFault> {
        self.space();
        let start = self.at;
        self.value(1)?;
        let raw = self.raw(start);
        self.finish()?;
        Ok(raw)
    }

    fn finish(mut self) -> Result<(), JsonFault> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault(FaultKind::Syntax)) }
    }

    /// One value; `depth` is its own if it nests.
    fn value(&mut self, depth: usize) -> Result<(), JsonFault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(depth, &mut |_, _| ()),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.fault(FaultKind::Syntax)),
        }
    }

    fn object(
        &mut self,
        depth: usize,
        found: &mut impl FnMut(Literal, Raw<'a>),
    ) -> Result<(), JsonFault> {
        self.open(depth)?;
        let first = self.names.len();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.names.push(name);
            self.space();
            self.need(b':')?;
            self.space();
            let start = self.at;
            self.value(depth + 1)?;
            found(name, self.raw(start));
            if !self.another(b'}')? {
                return self.judge_names(first);
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonFault> {
        self.open(depth)?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if !self.another(b']')? {
                return Ok(());
            }
        }
    }

    /// Steps over the opening bracket of a value at `depth`.
    fn open(&mut self, depth: usize) -> Result<(), JsonFault> {
        if depth > JSON_DEPTH {
            return Err(self.fault(FaultKind::Depth));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Whether a comma leads to another item; otherwise `close` must stand here.
    fn another(&mut self, close: u8) -> Result<bool, JsonFault> {
        self.space();
        if self.take(b',') {
            self.space();
            return Ok(true);
        }
        self.need(close).map(|()| false)
    }

    /// Looks for a name that stands twice among those from `first` on, then forgets them.
    fn judge_names(&mut self, first: usize) -> Result<(), JsonFault> {
        let text = self.text;
        let names = self.names.get_mut(first..).unwrap_or_default();
        let twice = if names.len() <= PAIRWISE_NAMES {
            find_pair(names, text)
        } else {
            names.iter_mut().for_each(|name| name.mark = name.fingerprint(text));
            names.sort_unstable_by(|one, two| {
                one.mark.cmp(&two.mark).then_with(|| one.cmp(*two, text))
            });
            names
                .array_windows()
                .find(|[one, two]| one.same(*two, text))
                .map(|[one, two]| one.start.max(two.start))
        };
        self.names.truncate(first);
        match twice {
            Some(at) => Err(JsonFault { kind: FaultKind::Duplicate, at }),
            None => Ok(()),
        }
    }

    fn string(&mut self) -> Result<Literal, JsonFault> {
        self.need(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_len(self.rest());
            match self.peek() {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(Literal { start, end, escaped, mark: 0 });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault(FaultKind::String)),
                None => return Err(self.fault(FaultKind::Syntax)),
            }
        }
    }

    /// Steps over one escape, a surrogate pair being one.
    fn escape(&mut self) -> Result<(), JsonFault> {
        match self.rest() {
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
            [b'\\', b'u', tail @ ..] => match hex4(tail) {
                Some(0xD800..=0xDBFF) => {
                    let low = match tail {
                        [_, _, _, _, b'\\', b'u', tail @ ..] => hex4(tail),
                        _ => None,
                    };
                    if !matches!(low, Some(0xDC00..=0xDFFF)) {
                        return Err(self.fault(FaultKind::String));
                    }
                    self.at += 12;
                }
                Some(0xDC00..=0xDFFF) | None => return Err(self.fault(FaultKind::String)),
                Some(_) => self.at += 6,
            },
            _ => return Err(self.fault(FaultKind::String)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        if self.numbers == Numbers::Doubles && self.raw(start).as_number().is_none() {
            return Err(JsonFault { kind: FaultKind::Number, at: start });
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let run = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run == 0 {
            return Err(self.fault(FaultKind::Syntax));
        }
        self.at += run;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), JsonFault> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.fault(FaultKind::Syntax));
        }
        self.at += word.len();
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn need(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.take(byte) { Ok(()) } else { Err(self.fault(FaultKind::Syntax)) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The value from `start` to here.
    fn raw(&self, start: usize) -> Raw<'a> {
        Raw::scanned(slice(self.text, start..self.at))
    }

    const fn fault(&self, kind: FaultKind) -> JsonFault {
        JsonFault { kind, at: self.at }
    }
}

/// The first name that repeats an earlier one.
fn find_pair(names: &[Literal], text: &str) -> Option<usize> {
    names.iter().enumerate().find_map(|(count, name)| {
        names.iter().take(count).any(|earlier| earlier.same(*name, text)).then_some(name.start)
    })
}

/// How many bytes pass before a quote, a backslash, a control character or the end.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (count, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return count * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let plain = tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F));
    bytes.len() - tail.len() + plain.count()
}

/// The top bit of the first byte of `word` that is a quote, a backslash or below 0x20; bits
/// above it mean nothing.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    // A byte below `limit` borrows, which sets its top bit; borrows only travel upwards.
    const fn below(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES * limit) & !word & (ONES << 7)
    }
    let quote = below(word ^ (ONES * b'"' as u64), 1);
    let backslash = below(word ^ (ONES * b'\\' as u64), 1);
    quote | backslash | below(word, 0x20)
}

/// Four hexadecimal digits at the start of `bytes`.
fn hex4(bytes: &[u8]) -> Option<u32> {
    bytes
        .first_chunk::<4>()?
        .iter()
        .try_fold(0, |unit, &byte| char::from(byte).to_digit(16).map(|digit| unit * 16 + digit))
}

/// Spans come from this scan of this text and lie at ASCII bytes, so that the range is there.
fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}
