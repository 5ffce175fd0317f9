//! All rounds of one proxy in one workload.

use super::verdict::Void;
use super::window::Window;

/// A window for each round, where it was not void.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) name: String,
    pub(super) windows: Vec<Option<Window>>,
    /// Why the others were.
    pub(super) voids: Vec<Void>,
}

impl Cell {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// One more round.
    pub(super) fn add(&mut self, window: Result<Window, Void>) {
        match window {
            Ok(window) => self.windows.push(Some(window)),
            Err(void) => {
                self.windows.push(None);
                self.voids.push(void);
            }
        }
    }

    /// Whether an answer was wrong: a mistake of somebody's, and no accident of the machine.
    pub(super) fn has_errors(&self) -> bool {
        self.voids.iter().any(|void| matches!(void, Void::Errors(..) | Void::Nothing))
    }

    /// A figure of each round.
    pub(super) fn each(&self, figure: impl Fn(&Window) -> f64) -> Vec<Option<f64>> {
        self.windows.iter().map(|window| window.as_ref().map(&figure)).collect()
    }

    /// The greatest of all rounds.
    pub(super) fn most(&self, figure: impl Fn(&Window) -> u64) -> u64 {
        self.windows.iter().flatten().map(figure).max().unwrap_or_default()
    }
}
