//! Whoever runs an engine may want to know which fact it is answering, in case it ends in the middle of that.

use fleetfold_model::LogSeq;

/// Hears what is about to be answered. It changes no answer.
pub trait Watch: std::fmt::Debug + Send + Sync {
    /// True while it wants to hear of each fact alone before its answer is made. Then nothing is answered side by side, which takes longer; the
    /// plans are the same.
    fn wants_each_alone(&self) -> bool;

    /// These facts are answered next, side by side, or their answers are joined to a plan. Empty: what is done next was asked for by no fact.
    fn answering(&self, facts: &[LogSeq]);
}
