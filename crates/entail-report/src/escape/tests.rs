use super::*;

#[test]
fn hostile_text_becomes_harmless_html() {
    let check = |input: &str, expected: &str| assert_eq!(html(input), expected);
    check("</script><img src=x>", "&lt;/script&gt;&lt;img src=x&gt;");
    check("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;");
    check("a\0b\u{1b}[31m\u{7f}", "a\u{2400}b\u{241b}[31m\u{2421}");
    check("left\u{202e}right\u{2028}\u{9b}", "left[U+202E]right[U+2028][U+009B]");
    check("ρ ≥ .3, naïve, 日本", "ρ ≥ .3, naïve, 日本");
}

#[test]
fn visible_text_has_no_control_characters() {
    let all: String = (0..0x3000).filter_map(char::from_u32).collect();
    assert!(visible(&all).chars().all(|c| !c.is_control() && c != '\u{202e}'));
}

#[test]
fn json_stays_json_and_cannot_end_a_script() {
    let value = serde_json::json!(["</script>", "<!--", "a & b", "\u{2028}\u{2029}", "\u{0}\"\\"]);
    let safe = json_in_script(&value.to_string());
    assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
}

#[test]
fn query_values_hold_only_unreserved_characters() {
    assert_eq!(query("organism:linked?seed=1&x"), "organism%3Alinked%3Fseed%3D1%26x");
    assert_eq!(query("é\"'<"), "%C3%A9%22%27%3C");
}
