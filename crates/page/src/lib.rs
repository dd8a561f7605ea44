//! How does anything of ours look on a screen, on a phone and on paper?
//!
//! One escape, one style sheet, one way to write numbers, times and states, and one writer of drawings, for every page:
//! plan, map, timeline, notices and the report of a drill. It knows nothing of ours, so that the drill may use it without
//! sharing a line with what it examines.
//!
//! - Words come from templates (`askama`, compiled). Each crate has its own in `templates/`, and an `askama.toml` that
//!   names [`Escape`], so that every value is escaped the same way.
//! - What is already HTML is an [`Html`], which only a template, a drawing or a function of this crate can make. In a
//!   template it is written `{{ value|html }}`; nothing else passes that filter, and `|safe` is used nowhere.
//! - Drawings come from [`drawing::Drawing`], which escapes by itself.
//!
//! Every page is complete in one file: no script, nothing from elsewhere, and the browser is told to allow neither.
//! Nothing moves, so there is nothing to slow down for whom movement makes unwell.

pub mod drawing;
mod escape;
pub mod form;
pub mod sheet;
pub mod words;

#[cfg(test)]
mod tests;

pub use escape::{Escape, Html, filled, filters};
pub use sheet::{Colour, Page, Style};
