//! What a VROOM solution repeats from the problem's file.

/// What the solution says of a problem beside what the solver knows: ids, descriptions, priorities and locations as the file
/// gave them.
pub struct Names {
    /// Stop → type, id and description.
    pub(crate) stops: Vec<(&'static str, u64, String)>,
    /// Vehicle → id and description.
    pub(crate) vehicles: Vec<(u64, String)>,
    /// Vehicle → id and description of each break, in the order of its pauses.
    pub(crate) breaks: Vec<Vec<(u64, String)>>,
    /// Stop → priority.
    pub(crate) priorities: Vec<u8>,
    /// Dimensions of load that the file uses.
    pub(crate) dimensions: usize,
    /// Node of the leg matrix → coordinates and index, as given.
    pub(crate) locations: Vec<(Option<[f64; 2]>, Option<usize>)>,
}
