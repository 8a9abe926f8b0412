//! Logging: to standard error, as text on a terminal and as JSON elsewhere.

use super::{outcome::Failure, style::Paint};
use crate::config::{LogConfig, LogFormat, LogLevel};
use std::io::{self, IsTerminal};
use tokio::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    reload,
};

/// Changes what is logged while it is.
pub(super) struct Dial(reload::Handle<Targets, Registry>);

impl Dial {
    /// From now on lines of this level are written, and more important ones.
    pub(super) fn turn_to(&self, level: LogLevel) {
        // It fails only once nothing is logged any more.
        let _ = self.0.reload(targets(level));
    }
}

/// Sets up logging for the life of the process.
pub(super) fn start(log: LogConfig) -> Result<Dial, Failure> {
    let (targets, dial) = reload::Layer::new(targets(log.level));
    let terminal = io::stderr().is_terminal();
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Json => json(),
        LogFormat::Text => text(),
        LogFormat::Auto if terminal => text(),
        LogFormat::Auto => json(),
    };
    // Not `init()`: that one would bridge the `log` crate at every level.
    tracing::subscriber::set_global_default(Registry::default().with(layer.with_filter(targets)))
        .map_err(|why| Failure::Failed(format!("cannot set up logging: {why}")))?;
    tracing_log::LogTracer::builder()
        .with_max_level(tracing_log::log::LevelFilter::Info)
        .init()
        .map_err(|why| Failure::Failed(format!("cannot set up logging: {why}")))?;
    Ok(Dial(dial))
}

fn targets(level: LogLevel) -> Targets {
    let level = filter(level);
    // Other crates stop at INFO whatever is asked: they print payloads below it.
    let others = level.min(LevelFilter::INFO);
    Targets::new().with_default(others).with_target("vestibule", level)
}

fn json() -> Box<dyn Layer<Registry> + Send + Sync> {
    fmt::layer().with_writer(io::stderr).json().flatten_event(true).with_current_span(false).boxed()
}

/// Short lines for eyes: seconds since the start, level, words, fields.
fn text() -> Box<dyn Layer<Registry> + Send + Sync> {
    fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(Paint::of(&io::stderr()).is_on())
        .with_target(false)
        .with_timer(Uptime(Instant::now()))
        .compact()
        .boxed()
}

/// Seconds since the program began: what somebody who watches a terminal wants to know.
struct Uptime(Instant);

impl FormatTime for Uptime {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        write!(w, "{:9.3}", self.0.elapsed().as_secs_f64())
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
