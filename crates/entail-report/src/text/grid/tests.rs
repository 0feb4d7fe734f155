use super::*;

fn sample() -> Grid {
    let mut grid = Grid::new(&[("name", Align::Left), ("value", Align::Right)]);
    grid.push(vec!["a rather long name".into(), "+1.0".into()]);
    grid.push(vec!["日本".into(), Cell { text: "−12.5".into(), paint: Paint::Up }]);
    grid
}

#[test]
fn columns_are_aligned_in_terminal_cells() {
    let expected = "\
name                value
──────────────────  ─────
a rather long name   +1.0
日本                −12.5
";
    assert_eq!(sample().render(80, false), expected);
}

#[test]
fn words_give_way_before_numbers() {
    let text = sample().render(17, false);
    assert!(text.lines().all(|line| line.width() <= 17), "{text}");
    assert!(text.contains("a rather …   +1.0"), "{text}");
}

#[test]
fn color_changes_no_visible_character() {
    let colored = sample().render(80, true);
    let code = regex_lite::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert!(colored.contains('\u{1b}'));
    assert_eq!(code.replace_all(&colored, ""), sample().render(80, false));
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let mut grid = Grid::new(&[("a\u{1b}[2J", Align::Left)]);
    grid.push(vec!["x\u{1b}]0;title\u{7}\r\n".into()]);
    let text = grid.render(80, false) + &wrap("note\u{1b}[31m\u{202e}", 80, "");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn paragraphs_wrap_between_words() {
    assert_eq!(wrap("one two three", 8, "  "), "one two\n  three\n");
    assert_eq!(wrap("unbreakablylongword", 8, "").trim_end(), "unbreak…");
    assert_eq!(wrap("", 8, ""), "\n");
}
