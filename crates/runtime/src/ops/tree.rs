//! Tree ensembles in one flat layout, walked row by row.
//!
//! A forest is one array of nodes; a branch names its two followers by index, with the top bit set where the follower
//! is a leaf. [`Forest::check`] refuses indices out of range and circles, so that a walk always ends.

pub(super) mod ensemble;
pub(super) mod read;
mod trees;
pub(super) mod vote;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::scores::Real;

/// Marks a follower as a leaf.
pub(super) const LEAF: u32 = 1 << 31;

/// How a branch compares the feature with its threshold; the first follower is taken where it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    /// The feature is one of a list.
    Member,
}

/// A branch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<T> {
    /// What the feature is compared with; for [`Mode::Member`] the index of the list.
    pub(super) threshold: T,
    pub(super) feature: u32,
    /// Followers: the first where the comparison holds.
    pub(super) yes: u32,
    pub(super) no: u32,
    pub(super) mode: Mode,
    /// Whether a missing value (NaN) takes the first follower whatever the comparison says.
    pub(super) missing_yes: bool,
}

/// A leaf's votes: a stretch of [`Forest::votes`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A leaf's vote for a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vote<T> {
    pub(super) target: u32,
    pub(super) weight: T,
}

/// All trees of an ensemble.
#[derive(Debug)]
pub(super) struct Forest<T> {
    pub(super) branches: Vec<Branch<T>>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) votes: Vec<Vote<T>>,
    /// Lists of [`Mode::Member`].
    pub(super) members: Vec<Vec<T>>,
    /// Where each tree begins: a branch, or a leaf with [`LEAF`] set.
    pub(super) roots: Vec<u32>,
    /// Targets or classes voted for.
    pub(super) targets: u32,
    /// Set by [`Forest::check`]: features the trees read, at least.
    pub(super) features: usize,
    /// Set by [`Forest::check`]: all branches compare by [`Mode::Leq`], none tracks missing values.
    plain: bool,
}

impl Mode {
    pub(super) fn parse(name: &[u8]) -> TractResult<Option<Self>> {
        Ok(Some(match name {
            b"LEAF" => return Ok(None),
            b"BRANCH_LEQ" => Self::Leq,
            b"BRANCH_LT" => Self::Lt,
            b"BRANCH_GTE" => Self::Gte,
            b"BRANCH_GT" => Self::Gt,
            b"BRANCH_EQ" => Self::Eq,
            b"BRANCH_NEQ" => Self::Neq,
            b"BRANCH_MEMBER" => Self::Member,
            _ => bail!("a node's mode is unknown; known are LEAF and BRANCH_LEQ, LT, GTE, GT, EQ, NEQ, MEMBER"),
        }))
    }

    fn holds<T: Real>(self, value: T, branch: &Branch<T>, members: &[Vec<T>]) -> bool {
        match self {
            Self::Leq => value <= branch.threshold,
            Self::Lt => value < branch.threshold,
            Self::Gte => value >= branch.threshold,
            Self::Gt => value > branch.threshold,
            Self::Eq => value == branch.threshold,
            Self::Neq => value != branch.threshold,
            Self::Member => members.iter().any(|list| list.contains(&value)),
        }
    }
}

impl<T: Real> Forest<T> {
    pub(super) fn new(targets: u32) -> Self {
        Self {
            branches: vec![],
            leaves: vec![],
            votes: vec![],
            members: vec![],
            roots: vec![],
            targets,
            features: 0,
            plain: false,
        }
    }

    /// Refuses what a walk could trip over, and notes what makes it fast.
    pub(super) fn check(&mut self) -> TractResult<()> {
        ensure!(!self.roots.is_empty(), "has no trees");
        let known = |at: u32| {
            let index = (at & !LEAF) as usize;
            if at & LEAF == 0 { index < self.branches.len() } else { index < self.leaves.len() }
        };
        let follow = |branch: &Branch<T>| known(branch.yes) && known(branch.no);
        ensure!(self.roots.iter().all(|root| known(*root)), "a tree begins at a node that is not there");
        ensure!(self.branches.iter().all(follow), "a branch leads to a node that is not there");
        let within = |leaf: &Leaf| leaf.start <= leaf.end && leaf.end as usize <= self.votes.len();
        ensure!(self.leaves.iter().all(within), "a leaf's votes are not there");
        let targets = self.targets;
        ensure!(self.votes.iter().all(|vote| vote.target < targets), "a leaf votes for a target above {targets}");
        self.refuse_circles()?;
        self.features = self.branches.iter().map(|branch| branch.feature as usize + 1).max().unwrap_or(0);
        self.plain = self.branches.iter().all(|branch| branch.mode == Mode::Leq && !branch.missing_yes);
        Ok(())
    }

    // Depth first, without recursion: a node met again while it is still open closes a circle.
    fn refuse_circles(&self) -> TractResult<()> {
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut state = vec![0_u8; self.branches.len()];
        let mut path: Vec<(u32, bool)> = Vec::new();
        for root in &self.roots {
            path.push((*root, false));
            while let Some((at, left)) = path.pop() {
                let Some(branch) = self.branches.get(at as usize) else { continue };
                let Some(mark) = state.get_mut(at as usize) else { continue };
                if left {
                    *mark = DONE;
                } else if *mark == OPEN {
                    bail!("the branches of a tree form a circle");
                } else if *mark == 0 {
                    *mark = OPEN;
                    path.push((at, true));
                    path.push((branch.yes, false));
                    path.push((branch.no, false));
                }
            }
        }
        Ok(())
    }

    /// The votes of the leaf that `row` reaches in the tree that begins at `root`.
    #[inline]
    pub(super) fn reach(&self, root: u32, row: &[T]) -> &[Vote<T>] {
        let at = if self.plain { self.walk_plain(root, row) } else { self.walk(root, row) };
        let Some(leaf) = self.leaves.get((at & !LEAF) as usize) else { return &[] };
        self.votes.get(leaf.start as usize..leaf.end as usize).unwrap_or(&[])
    }

    #[inline]
    fn walk_plain(&self, root: u32, row: &[T]) -> u32 {
        let mut at = root;
        while let Some(branch) = self.branches.get(at as usize) {
            let value = row.get(branch.feature as usize).copied().unwrap_or(T::ZERO);
            at = if value <= branch.threshold { branch.yes } else { branch.no };
        }
        at
    }

    fn walk(&self, root: u32, row: &[T]) -> u32 {
        let mut at = root;
        while let Some(branch) = self.branches.get(at as usize) {
            let value = row.get(branch.feature as usize).copied().unwrap_or(T::ZERO);
            let members = if branch.mode == Mode::Member { self.members_of(branch) } else { &[] };
            let holds = branch.mode.holds(value, branch, members) || (branch.missing_yes && value.is_missing());
            at = if holds { branch.yes } else { branch.no };
        }
        at
    }

    fn members_of(&self, branch: &Branch<T>) -> &[Vec<T>] {
        // The list's index stands in the branch's spare place, the threshold, counted in whole numbers.
        let index = branch.threshold.single();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made from an index below 2^24")]
        let index = index as usize;
        self.members.get(index..=index).unwrap_or(&[])
    }
}
