use super::*;

/// Pixels between texts on one line, so that they read as two.
const GAP: f64 = 2.0;

/// No text may touch another.
pub(super) fn check_labels(canvas: &Canvas) {
    for (idx, a) in canvas.boxes().iter().enumerate() {
        for b in &canvas.boxes()[idx + 1..] {
            let [left, top, right, bottom] = b.edges;
            let wider =
                TextBox { edges: [left - GAP, top, right + GAP, bottom], text: b.text.clone() };
            assert!(!a.overlaps(&wider), "{a:?} touches {b:?}");
        }
        let [left, top, right, bottom] = a.edges;
        let fits = left >= -0.5
            && top >= -0.5
            && right <= canvas.width + 0.5
            && bottom <= canvas.height + 0.5;
        assert!(fits, "{a:?} leaves {} x {}", canvas.width, canvas.height);
    }
}

/// Names that try a layout: empty, short, long, wide letters.
pub(super) const NAMES: [&str; 5] = [
    "a",
    "minds being monitored by others",
    "",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "日本日本日本日本日本日本日本日本",
];

#[test]
fn ticks_cover_the_data_in_round_steps() {
    let check = |low: f64, high: f64, expected: &[f64]| {
        let got = ticks(low, high, 4.0);
        assert_eq!(got.len(), expected.len(), "{got:?}");
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{got:?}");
    };
    check(0.0, 1.0, &[0.0, 0.25, 0.5, 0.75, 1.0]);
    check(-0.9, 0.9, &[-1.0, -0.5, 0.0, 0.5, 1.0]);
    check(0.0, 150.0, &[0.0, 50.0, 100.0, 150.0]);
    check(0.0, 2.41, &[0.0, 1.0, 2.0, 3.0]);
    assert!(ticks(0.3, 0.3, 4.0).len() >= 2);
}

#[test]
fn scales_never_leave_their_panel() {
    let scale = Scale { domain: (0.0, 1.0), range: (100.0, 0.0) };
    let check = |value: f64, expected: f64| assert!((scale.at(value) - expected).abs() < 1e-9);
    check(0.25, 75.0);
    check(-3.0, 100.0);
    check(7.0, 0.0);
}

#[test]
fn long_texts_are_cut_to_their_room() {
    for name in NAMES {
        assert!(Style::Label.width(&cut(name, Style::Label, 60.0)) <= 60.0);
    }
    assert_eq!(cut("short", Style::Label, 100.0), "short");
}

#[test]
fn boxes_that_share_a_corner_do_not_overlap() {
    let at = |edges| TextBox { edges, text: String::new() };
    assert!(!at([0.0, 0.0, 1.0, 1.0]).overlaps(&at([1.0, 1.0, 2.0, 2.0])));
    assert!(at([0.0, 0.0, 1.0, 1.0]).overlaps(&at([0.5, 0.5, 2.0, 2.0])));
}

#[test]
fn hostile_text_is_escaped_in_texts_titles_and_links() {
    let hostile = "</svg><script>\"'&\u{0}";
    let mut canvas = Canvas::new(100.0, 100.0);
    canvas.text((0.0, 10.0), Anchor::Start, Style::Label, hostile);
    canvas.fitted((0.0, 30.0), Anchor::End, Style::Label, (hostile, 20.0));
    canvas.link(hostile, hostile, |canvas| canvas.dot((1.0, 1.0), 2.0, "p"));
    canvas.tip(hostile, |canvas| canvas.dot((1.0, 1.0), 2.0, "p"));
    let svg = canvas.finish(hostile);
    assert!(!svg.contains("<script") && !svg.contains('\u{0}'));
    assert_eq!(svg.matches("</svg>").count(), 1);
}
