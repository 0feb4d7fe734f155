use entail_schema::Key;

use super::*;
use crate::complete_in_order;

fn soup() -> Scripted {
    let answers = ["Soup, please.", "No broth today."].map(str::to_owned).to_vec();
    Scripted::new("soup", [("Soup?".to_owned(), answers), ("Silence?".to_owned(), vec![])].into())
}

fn sampling() -> Sampling {
    Sampling::new(1.0, 1.0, 8)
}

fn request(question: &str, n: usize) -> Request {
    let messages = vec![Message::system("You are hungry."), Message::user(question)];
    Request { messages, samples: (0..n).map(|i| Key::of(&i)).collect() }
}

#[test]
fn a_sample_takes_the_answer_that_its_key_draws() {
    let texts = |n: usize| -> Vec<Vec<String>> {
        let requests = [request("Soup?", n), request("Soup?", 0)];
        let completed = complete_in_order(&soup(), &requests, &sampling()).unwrap();
        assert!(completed[0].iter().all(|c| c.finish == Finish::Stop));
        completed.into_iter().map(|r| r.into_iter().map(|c| c.text).collect()).collect()
    };
    let many = texts(40);
    assert_eq!(many[1], Vec::<String>::new());
    assert!(
        many[0].iter().any(|t| t == "Soup, please.")
            && many[0].iter().any(|t| t == "No broth today.")
    );
    assert_eq!(texts(7)[0], many[0][..7]);
}

#[test]
fn a_line_may_begin_with_a_block_of_thinking() {
    let lines = vec!["<think>Hm.</think>\n\nSoup.".to_owned()];
    let thinker = Scripted::new("thinker", [("Soup?".to_owned(), lines)].into());
    let said = complete_in_order(&thinker, &[request("Soup?", 1)], &sampling()).unwrap();
    assert_eq!((said[0][0].reasoning.as_deref(), said[0][0].text.as_str()), (Some("Hm."), "Soup."));
}

#[test]
fn a_question_without_a_line_is_an_error_that_names_it() {
    for question in ["Rain?", "Silence?"] {
        let error =
            complete_in_order(&soup(), &[request("Soup?", 1), request(question, 1)], &sampling())
                .unwrap_err();
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
    for finish in Finish::ALL {
        assert!(format!("{finish:?}").eq_ignore_ascii_case(finish.as_str()));
        assert_eq!(Finish::parse(finish.as_str()), Some(finish));
    }
}
