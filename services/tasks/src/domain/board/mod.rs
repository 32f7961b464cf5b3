//! The board: labels, sources, what belongs to what, what waits for what, and the orders of its lists.

pub mod graph;
pub mod label;
pub mod order;
pub mod source;

/// Priorities, as numbers of `TaskPriority`.
pub mod priority {
    /// When there is nothing else.
    pub const LOW: i16 = 1;
    /// In turn.
    pub const NORMAL: i16 = 2;
    /// Before the others.
    pub const HIGH: i16 = 3;
    /// Before everything.
    pub const URGENT: i16 = 4;
}

/// Tasks that one task waits for at most.
pub const MAX_BLOCKERS: usize = 20;
/// Levels of tasks inside tasks at most, the topmost included.
pub const MAX_LEVELS: usize = 5;
/// Parts of one task at most.
pub const MAX_SUBTASKS: i64 = 200;
/// Comments on one task at most.
pub const MAX_COMMENTS: i32 = 1_000;
