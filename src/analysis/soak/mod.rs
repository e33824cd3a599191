//! What a soak shows: slow and sudden change of every journey and capability, each with its doubt, and
//! gander's own beside it.

pub mod found;
pub mod inflation;
pub mod jump;
pub mod line;
pub mod own;
pub mod project;
pub mod series;
pub mod stretch;
