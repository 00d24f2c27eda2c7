//! x
mod clock;
mod live;
mod log;
mod metrics;
mod snapshot;
mod view;
fn main() {}
