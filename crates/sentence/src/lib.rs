//! What is said about sessions: the same words in the window, the tray, notifications and on the
//! command line.
//!
//! Everything here is a pure function; the time is passed in.

mod glyph;
mod health;
mod language;
mod on_demand;
mod past;
mod quantity;
mod sentence;
mod traffic;

pub use glyph::Glyph;
pub use health::in_language;
pub use language::Language;
pub use on_demand::{network_sentence, on_demand, pause_end};
pub use past::past;
pub use quantity::{bytes, enumeration, local_time, since, span};
pub use sentence::{Sentence, sentence, waiting_for};
pub use traffic::Traffic;
