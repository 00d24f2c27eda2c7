//! Which threads give way to which. The fold and its answers come first, then pictures, then searches.

/// `nice` of the threads that search.
pub(crate) const SEARCH: i32 = 10;
/// `nice` of the threads that make pictures.
pub(crate) const SCREENS: i32 = 5;

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
