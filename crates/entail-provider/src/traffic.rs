//! What stands between a study and a paid service: how many calls may be at work, when a failed one is made again,
//! and what may be spent. The rules are arithmetic on times and counts; `lane` is where threads wait by them.

mod bucket;
pub(crate) mod budget;
#[cfg(test)]
pub(crate) mod fakes;
pub(crate) mod flights;
pub(crate) mod lane;
pub(crate) mod limiter;
pub(crate) mod prices;
pub(crate) mod retry;

pub use budget::{Allowance, AllowanceError, Budget, Cost, Money, Worst};
pub use lane::{Account, Told, Traffic};
pub use limiter::{Left, Limits};
pub use prices::{Price, Prices, PricesError};
pub use retry::Patience;
