//! The program: command line, logs, clock, threads, map.
//!
//! A reader follows one event through `live.rs` here, then `fleet/src/apply.rs`, `engine/src/engine.rs` and
//! `solver/src/search/mod.rs`.

mod archive;
mod args;
mod auth;
mod await_broker;
mod clock;
mod days;
mod demo;
mod doctor;
mod document;
mod doubt;
mod failure;
mod feed;
mod forget;
mod gatekeeper;
mod graph;
mod handover;
mod health;
mod http;
mod hub;
mod import;
mod known_names;
mod last_values;
mod lease;
mod live;
mod log;
mod logging;
mod matrix_server;
mod metrics;
mod nodes;
mod offline;
mod out;
mod personal;
mod played;
mod policies;
mod policy_file;
mod publisher;
mod readers;
mod reasons;
mod references;
mod rejected;
mod routing_api;
mod schema;
mod screens;
mod serve;
mod snapshot;
mod solve;
mod sources;
mod spelling;
mod threads;
mod tiles;
mod times;
mod trace;
mod trouble;
mod verify;
mod view;
mod warnings;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};

/// Plans are decoded on one thread and freed on another; see the reason in `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| solve::called_wrongly(&error));
    log::access::give(cli.access);
    let usual = match cli.command {
        Command::Serve(_) => "info,async_nats=warn",
        _ => "error,async_nats=off,fleetfold::matrix_server=warn",
    };
    logging::begin(&cli.logging, usual);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads for the program: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        catch_file_size_limit();
        match cli.command {
            Command::Demo(args) => Box::pin(demo::demo(args)).await,
            Command::Serve(args) => Box::pin(serve::serve(args)).await,
            Command::Zones(args) => Box::pin(nodes::commands::zones(args)).await,
            Command::Drain(args) => Box::pin(nodes::commands::drain(args)).await,
            Command::Zone(args) => Box::pin(handover::zone(args)).await,
            Command::Feed(args) => Box::pin(serve::feed(args)).await,
            Command::Record(args) => Box::pin(readers::record(args)).await,
            Command::Audit(args) => Box::pin(readers::audit(args)).await,
            Command::Verify(args) => Box::pin(readers::verify(args)).await,
            Command::Forget(args) => Box::pin(forget::forget(args)).await,
            Command::Rejected(args) => Box::pin(rejected::rejected(args)).await,
            Command::Explain(args) => Box::pin(reasons::explain(args)).await,
            Command::WhatIf(args) => Box::pin(reasons::what_if(args)).await,
            Command::Doctor(args) => Box::pin(doctor::doctor(args)).await,
            Command::Token(args) => auth::command(&args),
            Command::Health { url } => health::health(&url),
            Command::Permissions(args) => doctor::permissions(&args),
            Command::Replay(args) if args.listen.is_some() => Box::pin(played::show(args)).await,
            Command::Replay(args) => offline::replay(&args),
            Command::Backtest(args) => offline::backtest(&args),
            Command::Solve(args) if args.serve.is_some() => Box::pin(solve::service::serve(&args)).await,
            Command::Solve(args) => {
                tokio::spawn(solve::watch_for_ctrl_c());
                // A search takes its thread for itself.
                tokio::task::spawn_blocking(move || solve::solve(&args))
                    .await
                    .map_err(|error| failure::Failure::new(error.to_string(), "report it with the file"))
            }
            Command::Graph(args) => graph::graph(&args),
            Command::Sim(args) => offline::sim(&args),
            Command::SimScale(args) => Ok(offline::sim_scale(&args)),
            Command::Import(args) => import::import(&args),
            Command::Schema(args) => Box::pin(schema::schema(args)).await,
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "fleetfold", &mut out::out());
                Ok(ExitCode::SUCCESS)
            }
        }
    });
    auth::audit::say_what_was_sent();
    trace::end();
    // Readers of the log may still wait for news: they end with the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Beyond a limit on the size of files (`ulimit -f`) the system ends a process without a word, unless it handles the signal:
/// then the write fails, and the log says why it cannot go on.
fn catch_file_size_limit() {
    #[cfg(unix)]
    {
        /// `SIGXFSZ` on Linux, macOS and the BSDs.
        const FILE_SIZE_EXCEEDED: i32 = 25;
        // The handler stays when what it returns is dropped.
        let _ = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_EXCEEDED));
    }
}
