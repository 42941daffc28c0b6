//! A graph as text: for test cases, error reports and curious people.
//!
//! ```text
//! graph small steps 4
//!
//! population latent source 6x1x1
//! population component draw 8x1x1 channel 2
//! population hidden lif 6x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [0] threshold [10, 9, 8, 7, 6, 5]
//! population pick select 2x1x1 ways 3
//! population picture readout 1x2x2 decay 3276/2^12 floor shift 4 bits 20 bias [0] levels [-127, -126, ... 255 values]
//!
//! projection 1->2 from latent to hidden dense delay 0 weights [1, -2, ...]
//! projection again from hidden to hidden dense delay 1 weights [...]
//! projection choose from hidden to pick pick delay 0
//! projection draw from pick to picture conv-transpose size 3 stride 2 padding 1 output-padding 1 delay 0 weights [...]
//! ```
//!
//! Words are separated by spaces or line ends, whichever; `;` starts a comment. A name with other characters than letters, digits
//! and `_ . - > + : /` stands in quotes. `#3` is the population of row 3, for ids that no name tells.
//! [`LifGraph::to_text`](crate::LifGraph::to_text) writes everything, [`LifGraph::summary`](crate::LifGraph::summary) long lists as
//! length, range and hash. Parsing does not check the rules, so that ill-formed graphs can be written down too.

mod lexer;
mod parse;
mod print;

pub use parse::TextError;

#[cfg(test)]
mod tests;
