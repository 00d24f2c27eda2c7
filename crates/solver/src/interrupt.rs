//! Ends work that nobody waits for any more, also in the middle of a first plan or of a round.

/// What a search is at while it asks whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It makes the first plan. Who ends it here gets a plan without what has not been looked at yet.
    FirstPlan,
    /// It improves a plan. Who ends it here gets the best plan that there is.
    Rounds,
}

/// Whom a search asks whether to end at once. It asks after every sixteen stops that it puts in or changes that it tries, from several
/// threads. [`Interrupt::NEVER`]: it ends between rounds only, so that the number of rounds decides the result.
#[derive(Clone, Copy)]
pub struct Interrupt<'i> {
    ask: Option<&'i (dyn Fn(Stage) -> bool + Sync)>,
    stage: Stage,
}

impl std::fmt::Debug for Interrupt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupt").field("never", &self.ask.is_none()).field("stage", &self.stage).finish()
    }
}

impl<'i> Interrupt<'i> {
    /// Everything is done to its end.
    pub const NEVER: Self = Self { ask: None, stage: Stage::FirstPlan };

    /// Ends as soon as `ask` says so.
    pub fn new(ask: &'i (dyn Fn(Stage) -> bool + Sync)) -> Self {
        Self { ask: Some(ask), stage: Stage::FirstPlan }
    }

    pub(crate) fn in_rounds(self) -> Self {
        Self { stage: Stage::Rounds, ..self }
    }

    /// True if the work should end at once.
    pub(crate) fn is_due(&self) -> bool {
        self.ask.is_some_and(|ask| ask(self.stage))
    }
}
