//! What stands between a study and a paid service: how many calls may be at work, when a failed one is made again,
//! and what may be spent. All of it is arithmetic on times and counts that come in as arguments.

mod bucket;
pub(crate) mod budget;
pub(crate) mod limiter;
pub(crate) mod prices;
pub(crate) mod retry;

pub use budget::{Allowance, AllowanceError, Budget, Cost, Money, Worst};
pub use limiter::{Left, Limits};
pub use prices::{Price, Prices, PricesError};
pub use retry::Patience;
