//! The form that a structured answer is kept to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest name, in OpenAI's API.
const LONGEST_NAME: usize = 64;

/// A JSON schema with a name, in the subset that every service keeps to strictly: an object that holds all the fields
/// it names and no others, at every depth (OpenAI's and Anthropic's pages on structured outputs). The order of the
/// fields is the author's, and part of a completion's recipe: models write them in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Schema {
    name: String,
    schema: Value,
}

/// A schema that nobody has checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    schema: Value,
}

/// Why a schema is none that answers can be kept to. Places are written as `$.properties.label`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The name.
    #[error(
        "a schema is named {found:?}, expected 1 to 64 letters without accents, digits, `_` and `-`"
    )]
    Name {
        /// What it is.
        found: String,
    },
    /// No schema, or at the root none of an object.
    #[error("the schema at {place} is {found}, expected {expected}")]
    Kind {
        /// Where.
        place: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// Fields that are not named may be there.
    #[error(
        "the schema at {place} lets other fields in, expected `\"additionalProperties\": false`"
    )]
    Open {
        /// Where.
        place: String,
    },
    /// Fields that are named may be missing, or the other way round.
    #[error("the schema at {place} requires {found:?}, expected every field of it: {expected:?}")]
    Required {
        /// Where.
        place: String,
        /// What is required.
        found: Vec<String>,
        /// What is named.
        expected: Vec<String>,
    },
}

impl TryFrom<Written> for Schema {
    type Error = SchemaError;

    fn try_from(written: Written) -> Result<Self, SchemaError> {
        Self::new(written.name, written.schema)
    }
}

impl Schema {
    /// Checks a schema.
    ///
    /// # Errors
    /// [`SchemaError`] with the place that is not as every service needs it.
    pub fn new(name: impl Into<String>, schema: Value) -> Result<Self, SchemaError> {
        let name = name.into();
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(letter) {
            return Err(SchemaError::Name { found: name });
        }
        if schema["type"] != "object" {
            let found = schema["type"].to_string();
            let expected = "of the type \"object\"";
            return Err(SchemaError::Kind { place: "$".into(), found, expected });
        }
        check("$", &schema)?;
        Ok(Self { name, schema })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema itself.
    pub fn value(&self) -> &Value {
        &self.schema
    }
}

/// A part of a schema with all that is in it.
fn check(place: &str, schema: &Value) -> Result<(), SchemaError> {
    let Value::Object(fields) = schema else {
        let (found, expected) = (schema.to_string(), "a JSON object");
        return Err(SchemaError::Kind { place: place.to_owned(), found, expected });
    };
    if schema["type"] == "object" || fields.contains_key("properties") {
        check_object(place, fields)?;
    }
    for group in ["properties", "$defs"] {
        for (name, part) in schema[group].as_object().into_iter().flatten() {
            check(&format!("{place}.{group}.{name}"), part)?;
        }
    }
    for (index, part) in schema["anyOf"].as_array().into_iter().flatten().enumerate() {
        check(&format!("{place}.anyOf[{index}]"), part)?;
    }
    fields.get("items").map_or(Ok(()), |items| check(&format!("{place}.items"), items))
}

fn check_object(place: &str, fields: &Map<String, Value>) -> Result<(), SchemaError> {
    let place = || place.to_owned();
    let Some(Value::Object(properties)) = fields.get("properties") else {
        let (found, expected) = ("an object without fields".into(), "`properties`");
        return Err(SchemaError::Kind { place: place(), found, expected });
    };
    if fields.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(SchemaError::Open { place: place() });
    }
    let required = fields.get("required").and_then(Value::as_array).into_iter().flatten();
    let found: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
    let expected: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    if found != expected {
        let list = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        let (found, expected) = (list(found), list(expected));
        return Err(SchemaError::Required { place: place(), found, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
