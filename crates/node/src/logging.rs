//! What the program says on standard error while it runs: how much, and in which form.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Flags of every command.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Logging {
    /// How much is said on standard error: `off`, `error`, `warn`, `info`, `debug` or `trace`, or by part, as `info,async_nats=warn`
    /// (default: `info` for `serve`, `error` for all others).
    #[arg(long, global = true, value_name = "LEVEL", env = "FLEETFOLD_LOG_LEVEL", value_parser = level, help_heading = "Logs")]
    log_level: Option<String>,
    /// One line of text, or one JSON object a line, for each thing that is said. Text has colours on a terminal only, and none where
    /// `NO_COLOR` is set.
    #[arg(
        long,
        global = true,
        value_name = "FORM",
        env = "FLEETFOLD_LOG_FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Logs"
    )]
    log_format: Form,
}

/// The form of what is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs that collect logs.
    Json,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A level, or several parts with one each.
fn level(text: &str) -> Result<String, String> {
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        // A word alone would be taken for the name of a part, of which everything is said then.
        if !part.contains(['=', '[']) && !LEVELS.contains(&part.to_ascii_lowercase().as_str()) {
            return Err(format!("`{part}` is no level: one of {}, or part=level", LEVELS.join(", ")));
        }
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// From now on everything is said as the flags want it; `usual`: how much, where they do not say.
pub(crate) fn begin(logging: &Logging, usual: &str) {
    let wanted = logging.log_level.as_deref().filter(|level| !level.trim().is_empty()).unwrap_or(usual);
    let output = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(wanted)).with_writer(std::io::stderr);
    match logging.log_format {
        Form::Json => output.json().flatten_event(true).init(),
        Form::Text => {
            let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            output.with_ansi(!is_plain && std::io::stderr().is_terminal()).init();
        }
    }
}
