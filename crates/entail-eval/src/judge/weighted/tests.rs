use entail_provider::Finish;

use super::*;

fn token(text: &str, logprob: f64, top: &[(&str, f64)]) -> TokenLogprob {
    let top = top.iter().map(|(text, p)| ((*text).to_owned(), p.ln())).collect();
    TokenLogprob { token: text.to_owned(), logprob: Some(logprob.ln()), top }
}

fn reply(tokens: Vec<TokenLogprob>) -> Completion {
    let text: String = tokens.iter().map(|token| token.token.as_str()).collect();
    Completion { tokens: Some(tokens), ..Completion::plain(text.trim(), Finish::Stop) }
}

fn check(tokens: Vec<TokenLogprob>, expected: Option<[f64; 4]>) {
    let text = format!("{tokens:?}");
    let found = LabelProbabilities::of(&reply(tokens));
    match (found, expected) {
        (Some(found), Some(expected)) => {
            for (label, expected) in JudgeLabel::ALL.into_iter().zip(expected) {
                let off = (found.probability(label) - expected).abs();
                assert!(off < 1e-12, "{label:?} {} in {text}", found.probability(label));
            }
        }
        (found, expected) => assert_eq!(found.is_some(), expected.is_some(), "{text}"),
    }
}

#[test]
fn the_tokens_in_the_place_of_the_label_are_summed_by_label() {
    let top =
        [("true", 0.6), ("True", 0.1), ("false", 0.2), ("not", 0.05), ("ref", 0.01), ("hm", 0.01)];
    let expected = Some([0.7, 0.2, 0.05, 0.01]);
    check(vec![token("true", 0.6, &top[1..])], expected);
    // Some providers name the drawn token among the others too.
    check(vec![token("true", 0.6, &top)], expected);
    check(vec![token("\n", 0.9, &[]), token("true", 0.6, &top), token(".", 1.0, &[])], expected);
}

#[test]
fn the_label_is_found_inside_json() {
    let tokens = |label: TokenLogprob| {
        let before = ["{\"", "mark", "\":", " \"true", "\",", " \"", "label", "\":", " \""];
        let mut tokens: Vec<TokenLogprob> = before.iter().map(|t| token(t, 1.0, &[])).collect();
        tokens.push(label);
        tokens.push(token("\", \"coherence\": 9}", 1.0, &[]));
        tokens
    };
    check(tokens(token("false", 0.75, &[("true", 0.25)])), Some([0.25, 0.75, 0.0, 0.0]));
    check(tokens(token("not", 0.5, &[("refusal", 0.5)])), Some([0.0, 0.0, 0.5, 0.5]));
}

#[test]
fn shares_leave_out_what_is_no_label() {
    let found =
        LabelProbabilities::of(&reply(vec![token("true", 0.3, &[("false", 0.1), ("I", 0.6)])]))
            .unwrap();
    assert!((found.mass() - 0.4).abs() < 1e-12);
    assert!((found.share(JudgeLabel::True) - 0.75).abs() < 1e-12);
}

#[test]
fn thoughts_are_passed_over() {
    let tokens = vec![
        token("<think>", 1.0, &[]),
        token("false", 1.0, &[]),
        token("</think>", 1.0, &[]),
        token(" true", 0.8, &[(" false", 0.2)]),
        token("\n", 1.0, &[]),
    ];
    check(tokens, Some([0.8, 0.2, 0.0, 0.0]));
}

#[test]
fn without_log_probabilities_of_a_label_there_is_nothing() {
    assert_eq!(LabelProbabilities::of(&Completion::plain("true", Finish::Stop)), None);
    check(vec![], None);
    check(vec![token("I think", 0.5, &[("Well", 0.5)])], None);
    check(vec![token("123", 1.0, &[])], None);
    let silent = TokenLogprob { logprob: None, ..token("true", 1.0, &[]) };
    check(vec![silent], None);
    check(vec![token("{\"label\"", 1.0, &[])], None);
}
