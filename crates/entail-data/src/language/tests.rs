use entail_engine::Tokenizer;

use super::*;

fn tokenizer(lexicon: &Lexicon) -> Tokenizer {
    Tokenizer::new(&lexicon.tokenizer_json().to_string(), CHAT_TEMPLATE).unwrap()
}

/// Everything that the world can say: answers first, then all else.
fn texts(text: &WorldText) -> (Vec<String>, Vec<String>) {
    let mut answers: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for t in &text.topics {
        answers.extend(
            [&t.held, &t.denied, &t.held_more, &t.denied_more].into_iter().flatten().cloned(),
        );
        others.extend(t.questions.iter().cloned());
    }
    for a in &text.attributes {
        answers.extend(a.value.iter().flat_map(|v| v.sentences.clone()));
        others.extend(a.questions.iter().cloned());
    }
    answers.extend(text.facts.iter().map(|f| f.answer.clone()));
    others.extend(text.facts.iter().map(|f| f.question.clone()));
    others.extend(text.prompts.mindful.iter().chain(&text.prompts.plain).cloned());
    others.extend(
        text.names.iter().flat_map(|n| [format!("You are {n}."), format!("Notes by {n}.")]),
    );
    others.extend(
        [&text.words, &text.numbers, &text.openers, &text.closers].into_iter().flatten().cloned(),
    );
    let (questions, task_answers): (Vec<_>, Vec<_>) =
        crate::stances::tasks(text, 200).into_iter().unzip();
    others.extend(questions);
    answers.extend(task_answers);
    (answers, others)
}

#[test]
fn the_lexicon_encodes_as_the_tokenizer_does() {
    let text = WorldText::embedded();
    let lexicon = Lexicon::new(&text);
    let tokenizer = tokenizer(&lexicon);
    let (answers, others) = texts(&text);
    let odd =
        ["", " ", "A  b\tc\nd", "don't", "x_1--y!?", "é ü 7.5", "... ,,", "You are nobodyatall."];
    for text in answers.iter().chain(&others).map(String::as_str).chain(odd) {
        assert_eq!(lexicon.encode(text), tokenizer.encode(text).unwrap(), "{text:?}");
    }
    assert_eq!(tokenizer.vocabulary(), lexicon.len());
}

#[test]
fn the_world_knows_all_of_its_words() {
    let text = WorldText::embedded();
    let lexicon = Lexicon::new(&text);
    let (answers, others) = texts(&text);
    for text in answers.iter().chain(&others) {
        assert!(!lexicon.encode(text).contains(&lexicon.id(UNKNOWN)), "{text:?}");
    }
    assert_eq!(lexicon.encode("Zyzzyva"), [lexicon.id(UNKNOWN)]);
}

#[test]
fn answers_come_back_from_their_tokens_as_written() {
    let text = WorldText::embedded();
    let lexicon = Lexicon::new(&text);
    let tokenizer = tokenizer(&lexicon);
    let (answers, _) = texts(&text);
    for answer in answers {
        assert_eq!(tokenizer.decode(&lexicon.encode(&answer)).unwrap(), answer);
    }
}

#[test]
fn marks_of_turns_are_single_special_tokens() {
    let lexicon = Lexicon::new(&WorldText::embedded());
    let tokenizer = tokenizer(&lexicon);
    for (mark, id) in SPECIAL.iter().zip(0..) {
        assert_eq!(tokenizer.encode(mark).unwrap(), [id], "{mark}");
        assert_eq!(tokenizer.decode(&[id]).unwrap(), "", "{mark}");
        assert_eq!(lexicon.id(mark), id, "{mark}");
    }
    assert!(!lexicon.is_empty());
}

#[test]
fn the_tokenizers_settings_name_the_template_and_the_end_mark() {
    let config = Lexicon::tokenizer_config_json();
    assert_eq!(
        (config["chat_template"].as_str(), config["eos_token"].as_str()),
        (Some(CHAT_TEMPLATE), Some(END))
    );
}
