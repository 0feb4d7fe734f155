//! Tables in; terminal text, CSV and one self-contained HTML page out.
//!
//! [`entail_schema::Tables`] is all this crate ever sees: no model, no file, no clock. Every function is pure, and
//! equal tables give equal bytes. All text inside the tables (answers of models, names, notes) is untrusted and
//! passes through one module, `escape`, on its way to a page or a terminal.

mod csv;
mod escape;
mod format;
mod html;
mod svg;
#[cfg(test)]
mod test_support;
mod text;
mod view;

pub use self::csv::{
    across_bases_csv, agreement_csv, cells_csv, contrasts_csv, forecasts_csv, headlines_csv,
    judges_csv, policies_csv, pooled_csv, rates_csv, responses_csv, variance_csv, verdicts_csv,
};
pub use self::html::html;
pub use self::text::terminal;

/// Appends formatted text to a string.
macro_rules! add {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        write!($out, $($arg)*).expect("writing to a string cannot fail")
    }};
}
pub(crate) use add;
