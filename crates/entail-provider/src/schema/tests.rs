use serde_json::json;

use super::*;

/// An object with one field, whose schema this is.
fn around(part: &Value) -> Value {
    json!({"type": "object", "properties": {"label": part}, "required": ["label"], "additionalProperties": false})
}

#[test]
fn strict_objects_are_schemas() {
    for schema in [
        around(&json!({"type": "string", "enum": ["true", "false"]})),
        around(&around(&json!({"type": "integer"}))),
        around(&json!({"type": "array", "items": around(&json!({"type": "number"}))})),
        around(&json!({"anyOf": [{"type": "null"}, around(&json!({}))]})),
        // A field may have any name, also one that means something elsewhere.
        json!({"type": "object", "properties": {"properties": {"type": "string"}, "items": {"type": "string"}},
            "required": ["items", "properties"], "additionalProperties": false}),
        json!({"type": "object", "properties": {}, "additionalProperties": false}),
    ] {
        let checked = Schema::new("verdict-1_a", schema.clone()).unwrap();
        assert_eq!((checked.name(), checked.value()), ("verdict-1_a", &schema));
        let text = serde_json::to_string(&checked).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), checked);
    }
}

#[test]
fn the_order_of_fields_stays() {
    let written = r#"{"name":"n","schema":{"type":"object","properties":{"why":{"type":"string"},"label":{"type":"string"}},"required":["why","label"],"additionalProperties":false}}"#;
    let schema: Schema = serde_json::from_str(written).unwrap();
    assert_eq!(serde_json::to_string(&schema).unwrap(), written);
}

#[test]
fn what_no_service_keeps_to_is_refused() {
    let open = json!({"type": "object", "properties": {"a": {}}, "required": ["a"]});
    let optional = json!({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"], "additionalProperties": false});
    let unnamed = json!({"type": "object", "properties": {}, "required": ["a"], "additionalProperties": false});
    for (schema, part) in [
        (json!({"type": "string"}), "at $ is \"string\", expected of the type \"object\""),
        (json!(3), "at $ is null, expected of the type \"object\""),
        (json!({"type": "object"}), "at $ is an object without fields, expected `properties`"),
        (open.clone(), "at $ lets other fields in"),
        (optional.clone(), r#"at $ requires ["a"], expected every field of it: ["a", "b"]"#),
        (unnamed, r#"at $ requires ["a"], expected every field of it: []"#),
        (around(&open), "at $.properties.label lets other fields in"),
        (around(&json!("string")), "at $.properties.label is \"string\", expected a JSON object"),
        (around(&json!({"type": "array", "items": open})), "at $.properties.label.items lets"),
        (around(&json!({"anyOf": [{}, optional]})), "at $.properties.label.anyOf[1] requires"),
    ] {
        let error = Schema::new("n", schema.clone()).unwrap_err().to_string();
        assert!(error.contains(part), "{schema}: {error}");
        let written = json!({"name": "n", "schema": schema});
        let error = serde_json::from_value::<Schema>(written).unwrap_err().to_string();
        assert!(error.contains(part), "{schema}: {error}");
    }
}

#[test]
fn names_are_those_of_the_api() {
    for name in ["", "a b", "é", &"a".repeat(65), "a\n"] {
        let error = Schema::new(name, around(&json!({}))).unwrap_err();
        assert_eq!(error, SchemaError::Name { found: name.to_owned() });
    }
    assert!(Schema::new("a".repeat(64), around(&json!({}))).is_ok());
}
