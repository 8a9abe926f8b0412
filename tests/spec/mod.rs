//! Reads `protocol.md`: requirements, tables, fences and headings.

use std::{fs, ops::Range, path::PathBuf};

/// Who says an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Client,
    Server,
}

/// One JSON text of the specification.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) side: Side,
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One requirement.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) text: String,
}

/// A row of a table, as the plain text of its cells.
pub(crate) type Row = Vec<String>;

/// The page of one message.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) kind: String,
    pub(crate) side: Side,
    pub(crate) members: Vec<Row>,
    pub(crate) examples: Vec<Example>,
}

/// The text of `protocol.md`.
pub(crate) struct Spec {
    lines: Vec<String>,
}

const TABLE_BEGIN: &str = "<!-- state-table:begin -->";
const TABLE_END: &str = "<!-- state-table:end -->";

impl Spec {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(path()).expect("protocol.md stands at the root");
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    pub(crate) fn requirements(&self) -> Vec<Requirement> {
        let parse = |line: &str| {
            let (id, text) = line.strip_prefix("- **")?.split_once("**: ")?;
            Some(Requirement { id: id.to_owned(), text: text.to_owned() })
        };
        self.lines().filter_map(parse).collect()
    }

    /// The lines from a heading to the next one of any level.
    fn section(&self, heading: &str) -> Range<usize> {
        let at = |line: &String| line == heading;
        let start = self.lines.iter().position(at).unwrap_or_else(|| panic!("no {heading}")) + 1;
        let rest = self.lines[start..].iter().position(|line| line.starts_with('#'));
        start..rest.map_or(self.lines.len(), |length| start + length)
    }

    /// The rows of the first table that stands under a heading, without its head.
    pub(crate) fn table(&self, heading: &str) -> Vec<Row> {
        table(&self.lines[self.section(heading)])
    }

    /// The pages of messages, in their order.
    pub(crate) fn pages(&self) -> Vec<Page> {
        let page = |heading: &str| {
            let (kind, side) = heading.strip_prefix("### `")?.split_once("` (")?;
            let side = match side {
                "client)" => Side::Client,
                "server)" => Side::Server,
                other => panic!("{heading}: a page is of the client or the server, not {other}"),
            };
            let range = self.section(heading);
            let members = table(&self.lines[range.clone()]);
            let examples = self.examples_in(range);
            Some(Page { kind: kind.to_owned(), side, members, examples })
        };
        self.lines().filter_map(page).collect()
    }

    /// Every example: the JSON fences of the pages and the lines of the exchanges.
    pub(crate) fn examples(&self) -> Vec<Example> {
        self.examples_in(0..self.lines.len())
    }

    fn examples_in(&self, range: Range<usize>) -> Vec<Example> {
        let mut found = Vec::new();
        let mut fence: Option<&str> = None;
        for at in range {
            let text = self.lines[at].as_str();
            if let Some(info) = text.strip_prefix("```") {
                fence = if fence.is_none() { Some(info) } else { None };
                continue;
            }
            let example = match fence {
                Some("json client") => Some((Side::Client, text)),
                Some("json server") => Some((Side::Server, text)),
                Some("text") => said(text),
                Some(other) => panic!("line {}: a fence of {other:?}", at + 1),
                None => None,
            };
            found.extend(example.map(|(side, text)| Example {
                side,
                text: text.to_owned(),
                line: at + 1,
            }));
        }
        assert_eq!(fence, None, "a fence is never closed");
        found
    }

    /// The state table between its markers.
    pub(crate) fn state_table(&self) -> String {
        let (begin, end) = self.state_table_lines();
        self.lines[begin + 1..end].join("\n").trim().to_owned()
    }

    /// Writes the file with another state table.
    pub(crate) fn write_state_table(&self, table: &str) {
        let (begin, end) = self.state_table_lines();
        let head = self.lines[..=begin].iter().map(String::as_str);
        let tail = self.lines[end..].iter().map(String::as_str);
        let lines: Vec<_> = head.chain(["", table.trim(), ""]).chain(tail).collect();
        fs::write(path(), lines.join("\n") + "\n").expect("protocol.md can be written");
    }

    fn state_table_lines(&self) -> (usize, usize) {
        let find = |marker: &str| {
            let at = self.lines.iter().position(|line| line == marker);
            at.unwrap_or_else(|| panic!("protocol.md has no {marker}"))
        };
        (find(TABLE_BEGIN), find(TABLE_END))
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocol.md")
}

/// A line of an exchange: `C: {..}` or `S: {..}`.
fn said(line: &str) -> Option<(Side, &str)> {
    let client = line.strip_prefix("C: ").map(|text| (Side::Client, text));
    client.or_else(|| line.strip_prefix("S: ").map(|text| (Side::Server, text)))
}

fn table(lines: &[String]) -> Vec<Row> {
    let rows = lines.iter().skip_while(|line| !line.starts_with('|'));
    let cells = |line: &String| {
        let inner = line.trim_matches('|').split('|');
        inner.map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Row>()
    };
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).map(cells).collect();
    let width = rows.first().map_or(0, Vec::len);
    for row in &rows {
        assert_eq!(row.len(), width, "a table has rows of two widths: {row:?}");
    }
    rows.into_iter().skip(2).collect()
}
