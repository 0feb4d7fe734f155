use serde_json::json;

use super::*;

const CHAT: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}\
                    {% if add_generation_prompt %}<|assistant|>{% endif %}";
/// Qwen's shape: a line break follows the end of a turn.
const LINES: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|> .{% endfor %}\
                     {% if add_generation_prompt %}<|assistant|>{% endif %}";

const SPECIAL: [&str; 5] = ["<|unk|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"];
const WORDS: [&str; 9] = ["I", "would", "you", "?", ",", "too", ".", "be", "kind"];

fn tokenizer_json() -> String {
    let tokens = SPECIAL.iter().chain(&WORDS);
    let vocab: serde_json::Map<_, _> =
        tokens.enumerate().map(|(id, t)| ((*t).to_owned(), json!(id))).collect();
    let added = |(id, token)| {
        json!({ "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true })
    };
    json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0 },
        "padding": null,
        "added_tokens": SPECIAL.iter().enumerate().map(added).collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<|unk|>" },
    })
    .to_string()
}

fn tokenizer(template: &str) -> Tokenizer {
    Tokenizer::new(&tokenizer_json(), template).unwrap()
}

fn conversation(turns: &[(Role, &str)]) -> Vec<Message> {
    turns.iter().map(|&(role, content)| Message { role, content: content.to_owned() }).collect()
}

fn two_turns() -> Vec<Message> {
    conversation(&[
        (Role::System, "be kind"),
        (Role::User, "would you?"),
        (Role::Assistant, "I would, too."),
        (Role::User, "you?"),
        (Role::Assistant, "I."),
    ])
}

/// The counted tokens of an example, in runs.
fn counted_texts(tokenizer: &Tokenizer, messages: &[Message]) -> Vec<String> {
    let example = tokenizer.example(messages).unwrap();
    let pairs: Vec<(u32, bool)> = example.tokens.into_iter().zip(example.counted).collect();
    let runs = pairs.chunk_by(|a, b| a.1 == b.1).filter(|run| run[0].1);
    runs.map(|run| {
        tokenizer.decode_raw(&run.iter().map(|&(id, _)| id).collect::<Vec<_>>()).unwrap()
    })
    .collect()
}

fn refusal(template: &str, messages: &[Message]) -> String {
    let error = tokenizer(template).render(messages, false).unwrap_err();
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn text_comes_back_with_natural_spacing() {
    let tokenizer = tokenizer(CHAT);
    let ids = tokenizer.encode("I would , too .").unwrap();
    assert_eq!(tokenizer.decode(&ids).unwrap(), "I would, too.");
    assert_eq!(tokenizer.encode("I would, too.").unwrap(), ids);
}

#[test]
fn nothing_is_added_or_cut() {
    let tokenizer = tokenizer(CHAT);
    assert_eq!(tokenizer.encode("I would be kind").unwrap().len(), 4);
    assert_eq!(tokenizer.encode("").unwrap(), Vec::<u32>::new());
    assert_eq!(tokenizer.vocabulary(), SPECIAL.len() + WORDS.len());
}

#[test]
fn special_tokens_are_found_in_text_and_left_out_of_it() {
    let tokenizer = tokenizer(CHAT);
    let ids = tokenizer.encode("<|user|>you<|end|>").unwrap();
    assert_eq!(
        ids,
        [tokenizer.id("<|user|>"), tokenizer.id("you"), tokenizer.id("<|end|>")]
            .map(Option::unwrap)
    );
    assert_eq!(tokenizer.decode(&ids).unwrap(), "you");
    assert_eq!(tokenizer.decode_raw(&ids).unwrap(), "<|user|> you <|end|>");
}

#[test]
fn an_id_without_a_token_is_an_error() {
    let error = tokenizer(CHAT).decode(&[5, 99]).unwrap_err();
    assert!(matches!(error, TokenizerError::UnknownId { id: 99 }), "{error}");
    assert_eq!(tokenizer(CHAT).id("absent"), None);
}

#[test]
fn a_conversation_is_rendered_turn_by_turn() {
    let messages = conversation(&[(Role::System, "be kind"), (Role::User, "you?")]);
    let text = tokenizer(CHAT).render(&messages, true).unwrap();
    assert_eq!(text, "<|system|>be kind<|end|><|user|>you?<|end|><|assistant|>");
    assert!(!tokenizer(CHAT).render(&messages, false).unwrap().ends_with("<|assistant|>"));
}

#[test]
fn exactly_what_the_assistant_says_is_counted() {
    assert_eq!(
        counted_texts(&tokenizer(CHAT), &two_turns()),
        ["I would, too. <|end|>", "I. <|end|>"]
    );
}

#[test]
fn what_follows_the_end_of_a_turn_is_not_counted() {
    assert_eq!(
        counted_texts(&tokenizer(LINES), &two_turns()),
        ["I would, too. <|end|>", "I. <|end|>"]
    );
}

#[test]
fn a_conversation_that_the_model_opens_never_counts_its_first_token() {
    let bare = "{% for m in messages %}{{ m.content }} {% endfor %}";
    let example = tokenizer(bare).example(&conversation(&[(Role::Assistant, "be kind")])).unwrap();
    assert_eq!(example.counted, [false, true]);
}

#[test]
fn a_template_that_rewrites_earlier_turns_is_refused() {
    let last_only = "{% for m in messages %}{% if loop.last or m.role == 'user' %}{{ m.content }}<|end|>{% endif %}\
                     {% endfor %}";
    let error = tokenizer(last_only).example(&two_turns()).unwrap_err();
    assert!(matches!(error, TokenizerError::NotAPrefix { turn: 2 }), "{error}");
}

#[test]
fn templates_run_as_in_transformers() {
    let messages = conversation(&[(Role::User, " a<b \"c\" ")]);
    let cases = [
        ("{{ messages[0].content | tojson }}", r#"" a<b \"c\" ""#),
        ("{{ messages[0].content.strip() }}", "a<b \"c\""),
        ("{{ messages[0].content.startswith(' a') }}", "True"),
        ("{{ messages[0].content.split('<')[0] }}", " a"),
        ("{{ messages[0]['role'] }}{{ absent }}", "user"),
        ("{% if tools %}no{% endif %}yes", "yes"),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc"),
        ("{% for m in messages %}{% if true %}{% break %}{% endif %}x{% endfor %}", ""),
    ];
    for (template, expected) in cases {
        assert_eq!(tokenizer(template).render(&messages, false).unwrap(), expected, "{template}");
    }
}

#[test]
fn a_template_can_refuse_a_conversation() {
    let said = refusal("{{ raise_exception('roles must alternate') }}", &two_turns());
    assert!(said.contains("roles must alternate"), "{said}");
}

#[test]
fn malformed_definitions_are_errors() {
    assert!(matches!(Tokenizer::new("{}", CHAT), Err(TokenizerError::Definition(_))));
    assert!(matches!(
        Tokenizer::new(&tokenizer_json(), "{% for %}"),
        Err(TokenizerError::Template(_))
    ));
}

#[test]
fn a_template_says_whether_it_has_a_switch_of_thinking() {
    let set = "{% if not thinking is defined %}{% set thinking = false %}{% endif %}{{ thinking }}";
    for (template, expected) in [
        ("{% if enable_thinking is defined and enable_thinking is false %}a{% endif %}", true),
        (
            "{% for m in messages %}{% if enable_thinking | default(true) %}a{% endif %}{% endfor %}",
            true,
        ),
        (set, true),
        (CHAT, false),
        ("enable_thinking {# {{ enable_thinking }} #}", false),
        ("{{ messages[0].thinking }}{% set thinking = true %}{{ thinking }}", false),
    ] {
        assert_eq!(tokenizer(template).switches_thinking(), expected, "{template}");
    }
}

#[test]
fn a_switch_that_is_left_alone_is_not_defined() {
    let template = "{{ enable_thinking is defined }} {{ enable_thinking }} {{ thinking }} {{ add_generation_prompt }}";
    let prompt = |thinking| tokenizer(template).prompt(&two_turns(), thinking).unwrap();
    assert_eq!(prompt(None), "False   True");
    assert_eq!(prompt(Some(true)), "True True True True");
    assert_eq!(prompt(Some(false)), "True False False True");
    let both = tokenizer(CHAT);
    assert_eq!(both.prompt(&two_turns(), None).unwrap(), both.render(&two_turns(), true).unwrap());
}
