//! The parts that charts are drawn from: an SVG that follows the light or dark scheme of its reader.

use std::fmt;

/// The width of every chart; readers scale it.
pub(crate) const WIDTH: f64 = 760.0;
/// The distance of everything from the edge.
pub(crate) const MARGIN: f64 = 24.0;
/// Where the drawing begins, under the title and the line below it.
pub(crate) const HEAD: f64 = 84.0;

/// What the floor is, for those who see a chart alone.
pub(crate) const FLOOR: &str =
    "Floor: a program that only writes the bytes, the least that a server can do.";

/// The colours, light and then dark, and the shapes of letters.
const STYLE: &str = "\
:root{--room:#fffdf8;--rule:#e0d9ca;--edge:#857c68;--ink:#1d2a2b;--soft:#55605f;--bar:#b9b29f;
--vestibule:#17594c;--floor:#857c68;--uws:#a36a00;--ws:#2c5f9e;--socketio:#a8361f;--naive:#74489a}
@media(prefers-color-scheme:dark){:root{--room:#1a2224;--rule:#303b3d;--edge:#7c8987;--ink:#ece7dc;
--soft:#a6b0ad;--bar:#5b6968;--vestibule:#6fcfb8;--floor:#9aa6a3;--uws:#e8b04b;--ws:#8ab6f0;
--socketio:#f28b75;--naive:#c9a2ea}}
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;
fill:var(--ink);font-variant-numeric:tabular-nums}
.title{font:600 20px 'Iowan Old Style','Palatino Linotype',Palatino,'URW Palladio L',P052,Georgia,serif}
.soft{fill:var(--soft)}.tick{fill:var(--soft);font-size:11.5px}.strong{font-weight:650}
.room{fill:var(--room);stroke:var(--rule)}.grid{stroke:var(--rule)}.axis{stroke:var(--edge)}
.bar{fill:var(--bar)}.bar.vestibule{fill:var(--vestibule)}
.bar.floor{fill:none;stroke:var(--edge);stroke-dasharray:4 3}
.range{stroke:var(--ink);stroke-width:1.25;fill:none}.halo{stroke:var(--room);stroke-width:4;stroke-linecap:square}
.vestibule{--c:var(--vestibule)}.floor{--c:var(--floor)}.uws{--c:var(--uws)}.ws{--c:var(--ws)}
.socketio{--c:var(--socketio)}.naive{--c:var(--naive)}.other{--c:var(--soft)}
.line{stroke:var(--c);fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.vestibule{stroke-width:3}.line.floor{stroke-dasharray:2 5}.dot{fill:var(--c)}
.spread{stroke:var(--c);stroke-width:1.25}.name{fill:var(--c)}";

/// A finished chart.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// The name of its file, without the ending.
    pub(crate) name: String,
    /// The SVG.
    pub(crate) text: String,
}

/// Where a text is anchored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// What a chart says in words: to everybody above the drawing, and to those who cannot see it.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) description: String,
}

/// A chart that is being drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    fn push(&mut self, element: fmt::Arguments<'_>) {
        self.body.push_str(&element.to_string());
        self.body.push('\n');
    }

    /// A line of text; `y` is its baseline.
    pub(crate) fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let ((x, y), anchor, text) = (at, anchor.name(), escape(text));
        self.push(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    /// A straight line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(r#"<path d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}" class="{class}"/>"#));
    }

    /// A line through points.
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.push(format_args!(r#"<polyline points="{}" class="{class}"/>"#, points.join(" ")));
    }

    /// A point.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), class: &str) {
        self.push(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" class="{class}"/>"#));
    }

    /// A bar that begins at an axis on its left, and is rounded on its right.
    pub(crate) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        let round = width.min(4.0);
        let (straight, side) = (width - round, height - 2.0 * round);
        self.push(format_args!(
            "<path d=\"M{x:.1} {y:.1}h{straight:.1}q{round:.1} 0 {round:.1} {round:.1}v{side:.1}q0 \
             {round:.1} -{round:.1} {round:.1}h-{straight:.1}z\" class=\"{class}\"/>"
        ));
    }

    /// The whole file.
    pub(crate) fn finish(self, height: f64, words: &Words) -> String {
        let (title, description) = (escape(&words.title), escape(&words.description));
        let mut head = Self::default();
        head.text((MARGIN, 40.0), Anchor::Start, "title", &words.title);
        head.text((MARGIN, 62.0), Anchor::Start, "soft", &words.subtitle);
        let (right, bottom) = (WIDTH - 1.0, height - 1.0);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">
<title id="title">{title}</title>
<desc id="description">{description}</desc>
<style>{STYLE}</style>
<rect x="0.5" y="0.5" width="{right}" height="{bottom}" rx="10" class="room"/>
{}{}</svg>
"#,
            head.body, self.body
        )
    }
}

/// Text as it may stand in XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The same with a capital letter at its head.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The class that colours a peer.
pub(crate) fn class(peer: &str) -> &str {
    match peer {
        "vestibule" | "floor" | "uws" | "ws" | "socketio" | "naive" => peer,
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_never_become_markup() {
        let mut canvas = Canvas::default();
        canvas.text((0.0, 0.0), Anchor::End, "", "a<b & \"c\"");
        let words =
            Words { title: "<t>".into(), subtitle: "&".into(), description: "</desc>".into() };
        let text = canvas.finish(100.0, &words);
        assert!(text.contains("a&lt;b &amp; &quot;c&quot;"), "{text}");
        assert!(text.contains("<title id=\"title\">&lt;t&gt;</title>"), "{text}");
        assert_eq!(text.matches("</desc>").count(), 1, "{text}");
    }
}
