//! A search for capacity shown: for a terminal, as data, as a comment on a pull request, and as a page. Pure.

mod advice;
pub mod console;
pub mod json;
pub mod markdown;
pub mod page;
mod words;

#[cfg(test)]
pub(in crate::report) mod specimen;
