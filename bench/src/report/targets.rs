//! What Vestibule is meant to reach, and whether it did: computed from the medians.

use super::figures::Figures;
use super::metric::{CONNECT_CPU, CPU, IDLE_CPU, LOST, MEMORY, Metric, P99, RATE, SYSCALLS};
use super::number::{plain, ratio, short, times};
use crate::results::Results;

/// How far the host may move a figure that is a matter of time. Counts and sizes get nothing.
const ALLOWANCE: f64 = 0.15;

/// One peer in one scenario: where a figure is taken from.
#[derive(Clone, Copy, Debug)]
struct Place {
    scenario: &'static str,
    peer: &'static str,
    variant: &'static str,
}

/// How a figure is judged.
#[derive(Clone, Copy, Debug)]
enum Measure {
    /// By itself.
    Plain(Place),
    /// By the worst of its rounds.
    Worst(Place),
    /// As a multiple of another one.
    Ratio(Place, Place),
    /// By what it is more than another one.
    Growth(Place, Place),
}

/// A bound, or what is aimed at beyond it.
#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
struct Target {
    what: &'static str,
    metric: Metric,
    measure: Measure,
    unit: &'static str,
    /// `None` where there is only something to aim at.
    reach: Option<Bound>,
    aim: Option<Bound>,
    allowance: f64,
}

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Aim,
    Reached,
    Allowed,
    Missed,
    Unknown,
}

impl Verdict {
    const fn words(self) -> &'static str {
        match self {
            Self::Aim => "**reached**, the aim too",
            Self::Reached => "**reached**",
            Self::Allowed => "reached within the allowance",
            Self::Missed => "**missed**",
            Self::Unknown => "not measured",
        }
    }
}

impl Bound {
    fn holds(self, value: f64, allowance: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound * (1.0 + allowance),
            Self::AtLeast(bound) => value >= bound * (1.0 - allowance),
        }
    }

    fn words(self, unit: &str) -> String {
        let (sign, bound) = match self {
            Self::AtMost(bound) => ("≤", bound),
            Self::AtLeast(bound) => ("≥", bound),
        };
        format!("{sign} {bound}{unit}")
    }
}

impl Target {
    fn verdict(&self, value: Option<f64>) -> Verdict {
        let Some(value) = value else { return Verdict::Unknown };
        let holds = |bound: Option<Bound>, allowance| {
            bound.is_some_and(|bound| bound.holds(value, allowance))
        };
        if holds(self.aim, 0.0) {
            Verdict::Aim
        } else if holds(self.reach, 0.0) {
            Verdict::Reached
        } else if holds(self.reach, self.allowance) {
            Verdict::Allowed
        } else {
            Verdict::Missed
        }
    }

    fn value(&self, results: &Results) -> Option<f64> {
        let summary = |place: Place| {
            let figures = Figures::of(results, place.scenario);
            figures.find(place.peer, place.variant)?.summary(&self.metric)
        };
        let median = |place: Place| summary(place).map(|summary| summary.median);
        match self.measure {
            Measure::Plain(place) => median(place),
            Measure::Worst(place) => Some(summary(place)?.max),
            Measure::Ratio(place, to) => ratio(median(place)?, median(to)?),
            Measure::Growth(place, from) => Some(median(place)? - median(from)?),
        }
    }

    fn row(&self, results: &Results) -> String {
        let value = self.value(results);
        let shown = match (value, self.measure) {
            (None, _) => "–".into(),
            (Some(value), Measure::Ratio(..)) => times(value),
            (Some(value), Measure::Worst(_)) => plain(value),
            (Some(value), Measure::Plain(_) | Measure::Growth(..)) => {
                format!("{}{}", short(value), self.unit)
            }
        };
        let bound =
            |bound: Option<Bound>| bound.map_or_else(|| "–".into(), |bound| bound.words(self.unit));
        let (reach, aim) = (bound(self.reach), bound(self.aim));
        let verdict = self.verdict(value).words();
        format!("| {} | {reach} | {aim} | {shown} | {verdict} |\n", self.what)
    }
}

const fn at(scenario: &'static str, peer: &'static str, variant: &'static str) -> Place {
    Place { scenario, peer, variant }
}

const fn ours(scenario: &'static str) -> Place {
    at(scenario, "vestibule", "")
}

/// Vestibule to another one in the same scenario.
const fn to(scenario: &'static str, peer: &'static str, variant: &'static str) -> Measure {
    Measure::Ratio(ours(scenario), at(scenario, peer, variant))
}

/// A multiple; with the allowance, for it compares times.
const fn multiple(
    what: &'static str,
    metric: Metric,
    measure: Measure,
    reach: Bound,
    aim: Option<Bound>,
) -> Target {
    Target { what, metric, measure, unit: "×", reach: Some(reach), aim, allowance: ALLOWANCE }
}

/// A count or a size; without the allowance.
const fn amount(
    what: &'static str,
    metric: Metric,
    measure: Measure,
    (reach, aim): (f64, Option<f64>),
    unit: &'static str,
) -> Target {
    let aim = match aim {
        Some(aim) => Some(Bound::AtMost(aim)),
        None => None,
    };
    Target { what, metric, measure, unit, reach: Some(Bound::AtMost(reach)), aim, allowance: 0.0 }
}

const TARGETS: [Target; 20] = {
    use Bound::{AtLeast, AtMost};
    let member = at("idle", "vestibule", "");
    let silent = at("idle", "vestibule", "silent");
    let kib = " KiB";
    [
        multiple(
            "fan50: CPU per delivery to the floor's",
            CPU,
            to("fan50", "floor", ""),
            AtMost(1.2),
            Some(AtMost(1.05)),
        ),
        multiple(
            "fan50: CPU per delivery to uWebSockets.js",
            CPU,
            to("fan50", "uws", ""),
            AtMost(1.05),
            None,
        ),
        multiple("fan50: CPU per delivery to ws", CPU, to("fan50", "ws", ""), AtMost(0.7), None),
        multiple(
            "W16: deliveries a second to the floor with 16 frames a write",
            RATE,
            to("W16", "floor", "k16"),
            AtLeast(0.75),
            Some(AtLeast(0.95)),
        ),
        multiple(
            "W16: deliveries a second to uWebSockets.js",
            RATE,
            to("W16", "uws", ""),
            AtLeast(1.0),
            None,
        ),
        multiple("W16: deliveries a second to ws", RATE, to("W16", "ws", ""), AtLeast(10.0), None),
        multiple("W16: p99 to uWebSockets.js", P99, to("W16", "uws", ""), AtMost(1.0), None),
        multiple("W16: p99 to ws", P99, to("W16", "ws", ""), AtMost(1.0), None),
        amount(
            "fan50: system calls per delivery",
            SYSCALLS,
            Measure::Plain(ours("fan50")),
            (1.05, None),
            "",
        ),
        amount(
            "W16: system calls per delivery",
            SYSCALLS,
            Measure::Plain(ours("W16")),
            (0.08, Some(0.065)),
            "",
        ),
        multiple(
            "rooms2k: CPU per delivery to uWebSockets.js",
            CPU,
            to("rooms2k", "uws", ""),
            AtMost(1.0),
            Some(AtMost(0.85)),
        ),
        amount("million: deliveries lost", LOST, Measure::Worst(ours("million")), (0.0, None), ""),
        multiple(
            "million: CPU per delivery with the cork to that without",
            CPU,
            Measure::Ratio(at("million", "vestibule", "cork"), ours("million")),
            AtMost(0.7),
            None,
        ),
        Target {
            reach: None,
            ..amount(
                "million: p99",
                P99,
                Measure::Plain(ours("million")),
                (12.0, Some(12.0)),
                " ms",
            )
        },
        amount("idle: memory of a member", MEMORY, Measure::Plain(member), (2.5, Some(1.2)), kib),
        amount(
            "idle: memory of a silent socket",
            MEMORY,
            Measure::Plain(silent),
            (1.5, Some(0.8)),
            kib,
        ),
        amount(
            "idle: growth of a member that sent and got 60 KB",
            MEMORY,
            Measure::Growth(at("idle", "vestibule", "60KB"), at("idle", "vestibule", "alone")),
            (0.5, Some(0.0)),
            kib,
        ),
        Target {
            allowance: ALLOWANCE,
            ..amount(
                "connect: CPU of a handshake, HS256 and a room",
                CONNECT_CPU,
                Measure::Plain(ours("connect")),
                (45.0, Some(30.0)),
                " µs",
            )
        },
        multiple(
            "connect: CPU of a handshake, HS256 and a room to uWebSockets.js",
            CONNECT_CPU,
            to("connect", "uws", ""),
            AtMost(0.12),
            None,
        ),
        multiple(
            "idle: CPU of 10,000 heartbeats to a bare pinger's",
            IDLE_CPU,
            to("idle", "floor", ""),
            AtMost(1.5),
            Some(AtMost(1.2)),
        ),
    ]
};

/// The table of targets.
pub(crate) fn table(results: &Results) -> String {
    let head = "| target | reach | aim at | measured | verdict |\n|---|---|---|---|---|\n";
    let rows: String = TARGETS.iter().map(|target| target.row(results)).collect();
    format!("{head}{rows}")
}
