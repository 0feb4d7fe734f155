use proptest::prelude::*;

use super::*;

#[test]
fn only_a_closed_block_at_the_beginning_is_thought() {
    use ThinkingFormat::{Absent, Closed, Empty, Unclosed};
    for (text, thought, said, format) in [
        ("a", None, "a", Absent),
        ("", None, "", Absent),
        ("<think>\nr\n</think>\n\na b\n", Some("r"), "a b\n", Closed),
        (" \n<think>r</think>a", Some("r"), "a", Closed),
        ("<think>r</think>", Some("r"), "", Closed),
        ("<think>\n\n</think>\n\na", Some(""), "a", Empty),
        ("<think></think>", Some(""), "", Empty),
        ("<think>r, cut", None, "<think>r, cut", Unclosed),
        ("\n<think>", None, "\n<think>", Unclosed),
        ("<think>r</think>a<think>s</think>b", Some("r"), "a<think>s</think>b", Closed),
        ("<think>r<think>s</think>t</think>a", Some("r<think>s"), "t</think>a", Closed),
        ("a <think>r</think> b", None, "a <think>r</think> b", Absent),
        ("a <think>", None, "a <think>", Absent),
        ("r\n</think>\n\na", Some("r"), "a", Closed),
        ("</think>a", Some(""), "a", Empty),
        ("<thinking>r</thinking>a", None, "<thinking>r</thinking>a", Absent),
    ] {
        let found = Completion::written(text.to_owned(), Finish::Stop);
        assert_eq!((found.reasoning.as_deref(), found.text.as_str()), (thought, said), "{text:?}");
        assert_eq!(found.thinking_format(), format, "{text:?}");
    }
}

#[test]
fn thoughts_that_a_service_tells_apart_have_a_form_too() {
    let of = |reasoning: &str, text: &str, finish| {
        let reasoning = Some(reasoning.to_owned());
        Completion { reasoning, ..Completion::plain(text, finish) }.thinking_format()
    };
    assert_eq!(of("r", "a", Finish::Stop), ThinkingFormat::Closed);
    assert_eq!(of("r", "a, cut", Finish::Length), ThinkingFormat::Closed);
    assert_eq!(of("r", "", Finish::Length), ThinkingFormat::Unclosed);
    assert_eq!(of("r", "", Finish::Stop), ThinkingFormat::Closed);
}

#[test]
fn a_block_that_the_prompt_began_is_closed_or_not() {
    let format = |prompt: &str, answer: &str| {
        Completion::written_after(prompt, answer.to_owned(), Finish::Stop).thinking_format()
    };
    assert_eq!(format("<|assistant|>\n<think>\n", "r</think>a"), ThinkingFormat::Closed);
    assert_eq!(format("<|assistant|>\n<think>\n", "r, cut"), ThinkingFormat::Unclosed);
    assert_eq!(format("<think>\n\n</think>\n\n", "a"), ThinkingFormat::Absent);
    assert_eq!(format("<|assistant|>", "a"), ThinkingFormat::Absent);
}

#[test]
fn names_are_those_of_files() {
    for thinking in Thinking::ALL {
        assert_eq!(serde_json::to_string(&thinking).unwrap(), format!("{:?}", thinking.as_str()));
    }
    for format in ThinkingFormat::ALL {
        assert_eq!(serde_json::to_string(&format).unwrap(), format!("{:?}", format.as_str()));
    }
}

proptest! {
    #[test]
    fn nothing_that_was_said_is_lost(thought in "[a-z \n]{0,9}", said in "(<think>|</think>|[a-z \n]){0,4}") {
        let found = split_thinking(format!("<think>{thought}</think>{said}"));
        prop_assert_eq!(found, (Some(thought.trim().to_owned()), said.trim_start().to_owned()));
    }

    #[test]
    fn a_text_without_an_end_stays_as_it_is(text in "(<think>|[a-z<>/ \n]){0,6}") {
        prop_assume!(!text.contains(END));
        prop_assert_eq!(split_thinking(text.clone()), (None, text));
    }
}
