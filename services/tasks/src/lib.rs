//! Tasks and their runs: the board, the journal each run is a fold of, and the workers that carry runs out.

pub mod domain;
