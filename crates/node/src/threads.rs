//! Which threads give way to which. The fold and its answers come first, then pictures and snapshots, then searches.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// `nice` of the threads that search: they take what is left of the cores. Where nothing is left, answers, broker and producers lose less to a
/// search than a fiftieth of a core.
pub(crate) const SEARCH: i32 = 19;
/// `nice` of the threads that make pictures.
pub(crate) const SCREENS: i32 = 5;

/// The thread that writes to screens, for all zones of the program. A delta goes to every screen at once: with a hundred of them that
/// is milliseconds, in which the tasks between the broker and the engine must not wait. Where the system gives no such
/// thread, screens are written to by whoever serves them.
pub(crate) fn screens() -> Handle {
    static SCREENS_RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    giving_way(&SCREENS_RUNTIME, "screens-out")
}

/// Threads for work that nobody waits for and that takes long: snapshots, bases. They give way as [`screens`] does.
pub(crate) fn aside() -> Handle {
    static ASIDE_RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    giving_way(&ASIDE_RUNTIME, "aside")
}

/// A runtime of one thread, and of those that block, which all give way as pictures do. Where the system gives no such threads, that of the caller.
fn giving_way(held: &'static OnceLock<Option<Runtime>>, name: &'static str) -> Handle {
    let runtime = held.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name(name).enable_time().on_thread_start(|| give_way(SCREENS));
        builder.build().inspect_err(|error| tracing::warn!(%error, name, "no threads of their own")).ok()
    });
    runtime.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
}

/// The calling thread gives way to the others of the program where cores are short: it takes this `nice` value. Where the system
/// does not let it, or knows one value for the whole program only, nothing is changed.
pub(crate) fn give_way(nice: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::debug!(%error, nice, "the priority of a thread cannot be set");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}
