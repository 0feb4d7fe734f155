use entail_schema::Key;

use super::*;

fn soup() -> Scripted {
    let answers = ["Soup, please.", "No broth today."].map(str::to_owned).to_vec();
    Scripted { answers: [("Soup?".to_owned(), answers), ("Silence?".to_owned(), vec![])].into() }
}

fn sampling() -> Sampling {
    Sampling { temperature: 1.0, top_p: 1.0, max_tokens: 8 }
}

fn request(question: &str, n: usize) -> Request {
    let messages = vec![Message::system("You are hungry."), Message::user(question)];
    Request { messages, samples: (0..n).map(|i| Key::of(&i)).collect() }
}

#[test]
fn samples_take_the_answers_in_turn_and_begin_again() {
    let completed =
        soup().complete(&[request("Soup?", 3), request("Soup?", 0)], &sampling()).unwrap();
    let texts: Vec<Vec<&str>> =
        completed.iter().map(|r| r.iter().map(|c| c.text.as_str()).collect()).collect();
    assert_eq!(texts, [vec!["Soup, please.", "No broth today.", "Soup, please."], vec![]]);
    assert!(completed[0].iter().all(|c| c.finish == Finish::Stop && c.tokens > 0));
}

#[test]
fn a_question_without_a_line_is_an_error_that_names_it() {
    for question in ["Rain?", "Silence?"] {
        let error =
            soup().complete(&[request("Soup?", 1), request(question, 1)], &sampling()).unwrap_err();
        assert_eq!(error.to_string(), format!("the script has no answer to {question:?}"));
    }
    assert!(soup().score(&[], &[]).is_err());
}

#[test]
fn a_score_is_the_logarithm_of_the_share_of_answers_that_begin_so() {
    let continuations = ["Soup", "No broth", "Bread", ""].map(str::to_owned);
    let scores = soup().score(&request("Soup?", 1).messages, &continuations).unwrap();
    let shares: Vec<f64> = scores.iter().map(|s| s.exp()).collect();
    assert!(
        shares.iter().zip([0.5, 0.5, 0.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-12),
        "{shares:?}"
    );
}

#[test]
fn the_ends_of_answers_are_written_as_they_are_printed() {
    for finish in [Finish::Stop, Finish::Length] {
        assert!(format!("{finish:?}").eq_ignore_ascii_case(finish.as_str()));
    }
}
