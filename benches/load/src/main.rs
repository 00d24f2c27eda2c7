//! Load on a running engine: a real nats-server on loopback, a `fleetfold serve`, a world that sends events, and drivers that
//! answer to their assignments. How long each change waited is read from the log, as `fleetfold audit` reads it.
//!
//! `load steady --help` and the like; what each scenario does is in `benches/load/README.md`.

mod cluster;
mod drivers;
mod http;
mod link;
mod measure;
mod outbox;
mod reader;
mod rig;
mod run;
mod scenarios;
mod world;
mod zone;

use std::process::ExitCode;

use clap::Parser;

/// What goes wrong ends the run: these are the only errors there are here.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let args = scenarios::Args::parse();
    match Box::pin(scenarios::play(args)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
