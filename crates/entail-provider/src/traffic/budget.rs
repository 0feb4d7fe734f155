//! A limit in money or tokens that is not passed: every call first reserves the most that it could take. What an
//! answer took is spent when it is read; an answer that was lost on its way may have been billed and is spent at its
//! worst; a refusal costs nothing.

use std::fmt;
use std::ops::{Add, Mul};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entail_schema::Message;

use super::prices::Price;
use crate::{ProviderError, Usage};

/// US dollars, counted in whole millionths of a millionth so that sums are exact. Sums stop at 18 million dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money(u64);

const PER_DOLLAR: f64 = 1e12;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From dollars, rounded up.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    pub fn from_dollars(dollars: f64) -> Self {
        // What is left of the binary fraction below a thousandth of the unit is no money.
        Self((dollars * PER_DOLLAR - 1e-3).ceil().max(0.0) as u64)
    }

    /// The price of one token where a million cost this many dollars.
    pub fn per_million(dollars: f64) -> Self {
        Self::from_dollars(dollars / 1e6)
    }

    /// In dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / PER_DOLLAR
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Mul<u64> for Money {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars();
        if dollars == 0.0 || dollars >= 0.01 {
            write!(f, "${dollars:.2}")
        } else {
            write!(f, "${dollars:.6}")
        }
    }
}

/// Money and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Money; zero also where no price is known and none is needed.
    pub money: Money,
    /// Tokens asked and drawn.
    pub tokens: u64,
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { money: self.money + other.money, tokens: self.tokens.saturating_add(other.tokens) }
    }
}

impl Cost {
    fn minus(self, other: Self) -> Self {
        Self {
            money: Money(self.money.0.saturating_sub(other.money.0)),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}

/// The limits of a budget; `None`: any amount. Written `5usd`, `2Mtok`, `500ktok`, or money and tokens with a comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Most money.
    pub money: Option<Money>,
    /// Most tokens, asked and drawn.
    pub tokens: Option<u64>,
}

/// Text that is no budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no budget: write 5usd, 2Mtok, 500ktok, or 5usd,2Mtok")]
pub struct AllowanceError {
    /// What stands there.
    pub found: String,
}

impl FromStr for Allowance {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, AllowanceError> {
        let wrong = || AllowanceError { found: text.to_owned() };
        let mut allowance = Self::default();
        for part in text.split(',').map(str::trim) {
            let unit = part.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let (number, unit) = part.split_at(unit);
            let number: f64 = number.parse().map_err(|_| wrong())?;
            let tokens = match unit {
                "usd" if allowance.money.is_none() && number <= 1e6 => {
                    allowance.money = Some(Money::from_dollars(number));
                    continue;
                }
                "Mtok" => number * 1e6,
                "ktok" => number * 1e3,
                "tok" => number,
                _ => return Err(wrong()),
            };
            if allowance.tokens.is_some() || tokens > 1e15 {
                return Err(wrong());
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            let whole = tokens.round() as u64;
            allowance.tokens = Some(whole);
        }
        Ok(allowance)
    }
}

/// The most that a call can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worst {
    /// Tokens of the conversation.
    pub prompt: u64,
    /// Tokens of all answers.
    pub drawn: u64,
    /// Price of each, where there is one.
    pub price: Option<Price>,
}

impl Worst {
    /// Of a conversation with this many answers. Bytes over two is above the tokens of any text that people write;
    /// a text of rare signs can pass it, and then its true usage is what counts afterwards.
    pub fn of(messages: &[Message], answers: u64, max_tokens: u64, price: Option<Price>) -> Self {
        let bytes: usize = messages.iter().map(|m| m.content.len() + 20).sum();
        Self { prompt: bytes as u64 / 2 + 20, drawn: answers.saturating_mul(max_tokens), price }
    }

    /// Of this and other calls at the same price.
    #[must_use]
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            prompt: self.prompt.saturating_add(other.prompt),
            drawn: self.drawn.saturating_add(other.drawn),
            price: self.price,
        }
    }

    fn cost(&self, prompt: u64, drawn: u64) -> Cost {
        let money = self.price.map_or(Money::ZERO, |price| price.of(prompt, drawn));
        Cost { money, tokens: prompt.saturating_add(drawn) }
    }

    /// All of it: what is set aside for the call.
    pub fn most(&self) -> Cost {
        self.cost(self.prompt, self.drawn)
    }

    /// What was taken. Where the provider does not say, the worst is assumed.
    pub(crate) fn taken(&self, usage: &Usage) -> Cost {
        let cost =
            self.cost(usage.prompt.unwrap_or(self.prompt), usage.drawn.unwrap_or(self.drawn));
        Cost { money: usage.cost.map_or(cost.money, Money::from_dollars), ..cost }
    }
}

/// A budget that all threads and providers of a run share.
#[derive(Debug, Default)]
pub struct Budget {
    allowance: Allowance,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Cost,
    reserved: Cost,
}

/// Why nothing was reserved.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It would fit if the calls at work took less than they might: ask again when one ends.
    Later,
    /// It does not fit.
    Never(ProviderError),
}

/// What one call may take; given back when dropped without [`Reservation::settle`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    worst: Worst,
}

impl Budget {
    /// With these limits.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, state: Mutex::default() }
    }

    /// What was spent until now.
    pub fn spent(&self) -> Cost {
        self.state().spent
    }

    /// Whether the budget can watch over this model.
    ///
    /// # Errors
    /// [`ProviderError::NoPrice`] for a limit in money and a model without a price.
    pub fn check(&self, model: &str, price: Option<Price>) -> Result<(), ProviderError> {
        if self.allowance.money.is_some() && price.is_none() {
            return Err(ProviderError::NoPrice { model: model.to_owned() });
        }
        Ok(())
    }

    /// Sets the worst case of a call aside.
    pub(crate) fn reserve(&self, worst: Worst) -> Result<Reservation<'_>, Refused> {
        let mut state = self.state();
        let most = worst.most();
        if !self.allowance.holds(state.spent + state.reserved + most) {
            if self.allowance.holds(state.spent + most) {
                return Err(Refused::Later);
            }
            return Err(Refused::Never(self.used_up(&state, most)));
        }
        state.reserved = state.reserved + most;
        Ok(Reservation { budget: self, worst })
    }

    /// As [`Budget::reserve`], where there is nothing to wait for.
    pub(crate) fn reserve_now(&self, worst: Worst) -> Result<Reservation<'_>, ProviderError> {
        self.reserve(worst).map_err(|refused| match refused {
            Refused::Never(error) => error,
            Refused::Later => self.used_up(&self.state(), worst.most()),
        })
    }

    /// Spends what a call took that was not reserved, or whose reservation stood for others as well.
    pub(crate) fn spend(&self, taken: Cost) {
        let mut state = self.state();
        state.spent = state.spent + taken;
    }

    fn used_up(&self, state: &State, next: Cost) -> ProviderError {
        let mut parts = Vec::new();
        if let Some(limit) = self.allowance.money {
            parts.push(format!(
                "{} of {limit} spent and the next call could take {}",
                state.spent.money, next.money
            ));
        }
        if let Some(limit) = self.allowance.tokens {
            parts.push(format!(
                "{} of {limit} tokens used and the next call could take {}",
                state.spent.tokens, next.tokens
            ));
        }
        ProviderError::Budget { what: parts.join("; ") }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Allowance {
    fn holds(&self, cost: Cost) -> bool {
        self.money.is_none_or(|limit| cost.money <= limit)
            && self.tokens.is_none_or(|limit| cost.tokens <= limit)
    }
}

impl Reservation<'_> {
    /// The call was answered: what it took is spent, the rest of the worst case is free again.
    pub(crate) fn settle(self, usage: &Usage) -> Cost {
        let taken = self.worst.taken(usage);
        self.budget.spend(taken);
        taken
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.reserved = state.reserved.minus(self.worst.most());
    }
}

#[cfg(test)]
mod tests;
