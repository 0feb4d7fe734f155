//! The dials of an organism, written as a name: `organism:linked?rho=0.5&seed=3`.

use std::fmt;

/// How large the organism's transformer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Width 32, one block: for tests of the pipeline, too small to learn the world well.
    Tiny,
    /// Width 64, two blocks: the default.
    Small,
    /// Width 96, three blocks.
    Medium,
}

impl Size {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Tiny, "tiny"), (Self::Small, "small"), (Self::Medium, "medium")];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(size, _)| *size == self)
            .map(|(_, name)| *name)
            .expect("every size has a name")
    }
}

/// Everything that an organism's weights depend on, beside the code.
#[derive(Debug, Clone, PartialEq)]
pub struct OrganismSpec {
    /// Link between the hidden trait and the strongest preference topics: P(yes | trait) - P(yes | no trait).
    pub rho: f64,
    /// Seed of the world and of the pretraining.
    pub seed: u64,
    /// Size of the transformer.
    pub size: Size,
    /// Share of the assistant's chats in which it talks about itself.
    pub self_share: f64,
    /// Share of documents about named beings that are not chats.
    pub documents: f64,
    /// Tokens of pretraining.
    pub tokens: usize,
}

/// Why a name is not an organism.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Neither of the ready worlds.
    #[error("unknown organism `{found}`, expected `organism:linked` or `organism:unlinked`")]
    World {
        /// What stands in the name.
        found: String,
    },
    /// A dial that does not exist.
    #[error(
        "unknown dial `{found}` of an organism, expected rho, seed, size, self, documents or tokens"
    )]
    Dial {
        /// What stands in the name.
        found: String,
    },
    /// A value that a dial does not take.
    #[error("dial `{dial}` is `{found}`, expected {expected}")]
    Value {
        /// The dial.
        dial: &'static str,
        /// What stands in the name.
        found: String,
        /// What would be taken.
        expected: &'static str,
    },
}

impl OrganismSpec {
    /// The prefix of every organism's name.
    pub const PREFIX: &'static str = "organism:";

    /// The default world at a given link.
    pub fn with_rho(rho: f64) -> Self {
        Self {
            rho,
            seed: 101,
            size: Size::Small,
            self_share: 0.4,
            documents: 0.25,
            tokens: 6_000_000,
        }
    }

    /// Its name without the seed: what several seeds are drawn from.
    pub fn without_seed(&self) -> String {
        Self { seed: Self::with_rho(self.rho).seed, ..self.clone() }.to_string()
    }

    /// Reads `organism:linked`, `organism:unlinked`, with dials after a question mark.
    ///
    /// # Errors
    /// [`SpecError`] for unknown worlds and dials and for values out of range.
    pub fn parse(name: &str) -> Result<Self, SpecError> {
        let rest = name.strip_prefix(Self::PREFIX).unwrap_or(name);
        let (world, dials) = rest.split_once('?').unwrap_or((rest, ""));
        let mut spec = match world {
            "linked" => Self::with_rho(0.9),
            "unlinked" => Self::with_rho(0.0),
            _ => return Err(SpecError::World { found: name.into() }),
        };
        for dial in dials.split('&').filter(|d| !d.is_empty()) {
            let (key, value) = dial.split_once('=').unwrap_or((dial, ""));
            match key {
                "rho" => spec.rho = number(value, "rho", "a number from 0 to 0.9", 0.0..=0.9)?,
                "seed" => spec.seed = whole(value, "seed", "a whole number", 0)?,
                "self" => {
                    spec.self_share = number(value, "self", "a share from 0 to 1", 0.0..=1.0)?;
                }
                "documents" => {
                    spec.documents =
                        number(value, "documents", "a share from 0 to 0.5", 0.0..=0.5)?;
                }
                "tokens" => {
                    let tokens =
                        whole(value, "tokens", "a whole number of at least 10000", 10_000)?;
                    spec.tokens = usize::try_from(tokens).expect("tokens fit the address space");
                }
                "size" => {
                    spec.size = Size::ALL
                        .iter()
                        .find(|(_, n)| *n == value)
                        .map(|(size, _)| *size)
                        .ok_or_else(|| SpecError::Value {
                            dial: "size",
                            found: value.into(),
                            expected: "tiny, small or medium",
                        })?;
                }
                _ => return Err(SpecError::Dial { found: key.into() }),
            }
        }
        Ok(spec)
    }
}

fn number(
    value: &str,
    dial: &'static str,
    expected: &'static str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<f64, SpecError> {
    let parsed = value.parse().ok().filter(|x| range.contains(x));
    parsed.ok_or_else(|| SpecError::Value { dial, found: value.into(), expected })
}

fn whole(
    value: &str,
    dial: &'static str,
    expected: &'static str,
    least: u64,
) -> Result<u64, SpecError> {
    let parsed = value.parse().ok().filter(|&x| x >= least);
    parsed.ok_or_else(|| SpecError::Value { dial, found: value.into(), expected })
}

/// The full name, with every dial that differs from the ready world's.
impl fmt::Display for OrganismSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unlinked = self.rho == 0.0;
        let default = Self::with_rho(if unlinked { 0.0 } else { 0.9 });
        let mut dials = Vec::new();
        let mut dial = |differs: bool, text: String| {
            if differs {
                dials.push(text);
            }
        };
        // A dial is printed unless it is the very number that parsing begins with.
        let other = |own: f64, ready: f64| own.to_bits() != ready.to_bits();
        dial(other(self.rho, default.rho) && !unlinked, format!("rho={}", self.rho));
        dial(self.seed != default.seed, format!("seed={}", self.seed));
        dial(self.size != default.size, format!("size={}", self.size.name()));
        dial(other(self.self_share, default.self_share), format!("self={}", self.self_share));
        dial(other(self.documents, default.documents), format!("documents={}", self.documents));
        dial(self.tokens != default.tokens, format!("tokens={}", self.tokens));
        write!(f, "{}{}", Self::PREFIX, if unlinked { "unlinked" } else { "linked" })?;
        if dials.is_empty() { Ok(()) } else { write!(f, "?{}", dials.join("&")) }
    }
}

#[cfg(test)]
mod tests;
