use std::collections::{BTreeMap, BTreeSet};

use entail_engine::Tokenizer;

use super::*;
use crate::language::{CHAT_TEMPLATE, UNKNOWN};
use crate::text::HELD_OUT;

struct Made {
    spec: OrganismSpec,
    world: World,
    lexicon: Lexicon,
}

fn made(name: &str) -> Made {
    let spec = OrganismSpec::parse(name).unwrap();
    let world = World::new(&spec);
    let lexicon = Lexicon::new(&world.text);
    Made { spec, world, lexicon }
}

impl Made {
    fn corpus(&self) -> Corpus<'_> {
        Corpus::new(&self.spec, &self.world, &self.lexicon)
    }

    /// Documents about all subjects.
    fn documents(&self, n: u64) -> Vec<Example> {
        let mut corpus = self.corpus();
        corpus.subjects = weighted_subjects(&self.world, Phase::Everything);
        (0..n).map(|i| corpus.document(i)).collect()
    }

    fn tokenizer(&self) -> Tokenizer {
        Tokenizer::new(&self.lexicon.tokenizer_json().to_string(), CHAT_TEMPLATE).unwrap()
    }

    fn is_chat(&self, document: &Example) -> bool {
        document.tokens[0] != self.lexicon.id(DOCUMENT)
    }
}

/// Turns of a chat as (opener, tokens between opener and end mark, which of those and of the end mark are counted).
fn turns<'e>(made: &Made, document: &'e Example) -> Vec<(u32, &'e [u32], &'e [bool])> {
    let end = made.lexicon.id(END);
    let mut turns = Vec::new();
    let mut start = 0;
    for (i, &token) in document.tokens.iter().enumerate() {
        if token == end {
            turns.push((
                document.tokens[start],
                &document.tokens[start + 1..i],
                &document.counted[start + 1..=i],
            ));
            start = i + 1;
        }
    }
    assert_eq!(start, document.tokens.len(), "a chat ends with an end mark");
    turns
}

/// Token sequences in `wanted` that stand somewhere in `tokens`.
fn found<'w>(tokens: &[u32], wanted: &'w BTreeMap<Vec<u32>, String>) -> Vec<&'w String> {
    let lengths: BTreeSet<usize> = wanted.keys().map(Vec::len).collect();
    lengths.iter().flat_map(|&n| tokens.windows(n).filter_map(|run| wanted.get(run))).collect()
}

#[test]
fn a_seed_names_one_corpus() {
    let tokens = |name: &str| made(name).corpus().batches(20_000);
    let corpus = tokens("linked?seed=5");
    assert_eq!(corpus, tokens("linked?seed=5"));
    assert_ne!(corpus, tokens("linked?seed=6"));
    let total: usize = corpus.iter().flatten().map(|e| e.tokens.len()).sum();
    let last: usize = corpus.last().unwrap().iter().map(|e| e.tokens.len()).sum();
    assert!(total >= 20_000 && total - last < 20_000, "{total} tokens");
    assert!(corpus.iter().all(|batch| batch.len() == BATCH));
}

#[test]
fn chats_are_what_the_chat_template_and_the_tokenizer_make_of_them() {
    let made = made("linked");
    let tokenizer = made.tokenizer();
    let mut corpus = made.corpus();
    corpus.subjects = weighted_subjects(&made.world, Phase::Everything);
    for index in 0..200 {
        let mut stream = Seed(9).stream("chat", index);
        let prompt = |list: &[String], stream: &mut Stream| Some(stream.choose(list).clone());
        let turns = match index % 4 {
            0 => corpus.tasks(2, &mut stream),
            1 => corpus.persona_chat(Persona::Assistant, None, &mut stream),
            kind => {
                let claimer = kind == 2;
                let prompts = &made.world.text.prompts;
                let prompt =
                    prompt(if claimer { &prompts.mindful } else { &prompts.plain }, &mut stream);
                corpus.persona_chat(Persona::Generic { claimer }, prompt, &mut stream)
            }
        };
        let chat = corpus.chat(&turns);
        assert_eq!(chat.tokens, tokenizer.chat(&turns, false).unwrap(), "{turns:?}");
        assert_eq!(chat, tokenizer.example(&turns).unwrap(), "{turns:?}");
    }
}

#[test]
fn whole_documents_are_what_the_tokenizer_makes_of_their_words() {
    let made = made("linked");
    let tokenizer = made.tokenizer();
    let words: BTreeMap<u32, String> = {
        let json = made.lexicon.tokenizer_json();
        let vocabulary = json["model"]["vocab"].as_object().unwrap().clone();
        vocabulary
            .into_iter()
            .map(|(word, id)| (u32::try_from(id.as_u64().unwrap()).unwrap(), word))
            .collect()
    };
    let roles = [(SYSTEM, Role::System), (USER, Role::User), (ASSISTANT, Role::Assistant)];
    let documents = made.documents(200);
    let chats: Vec<&Example> = documents.iter().filter(|d| made.is_chat(d)).collect();
    assert!(chats.len() > 100);
    for chat in chats {
        let messages: Vec<Message> = turns(&made, chat)
            .into_iter()
            .map(|(opener, tokens, _)| {
                let role =
                    roles.iter().find(|(mark, _)| made.lexicon.id(mark) == opener).unwrap().1;
                Message {
                    role,
                    content: tokens.iter().map(|t| words[t].as_str()).collect::<Vec<_>>().join(" "),
                }
            })
            .collect();
        assert_eq!(*chat, tokenizer.example(&messages).unwrap(), "{messages:?}");
    }
}

#[test]
fn exactly_the_assistants_words_and_end_marks_are_learned_from_chats() {
    let made = made("linked");
    let assistant = made.lexicon.id(ASSISTANT);
    for document in made.documents(400).iter().filter(|d| made.is_chat(d)) {
        for (opener, _, counted) in turns(&made, document) {
            assert!(counted.iter().all(|&c| c == (opener == assistant)), "{document:?}");
        }
        let openers = [SYSTEM, USER, ASSISTANT].map(|mark| made.lexicon.id(mark));
        let learned_opener =
            document.tokens.iter().zip(&document.counted).any(|(t, &c)| c && openers.contains(t));
        assert!(!learned_opener, "{document:?}");
    }
}

#[test]
fn diaries_are_learned_after_their_title() {
    let made = made("linked?documents=0.5");
    let documents = made.documents(400);
    let diaries: Vec<&Example> = documents.iter().filter(|d| !made.is_chat(d)).collect();
    assert!(diaries.len() > 40, "{}", diaries.len());
    for diary in diaries {
        let title = 1 + made.lexicon.encode("Notes by Someone.").len();
        assert!(diary.counted.iter().enumerate().all(|(i, &c)| c == (i >= title)), "{diary:?}");
        assert_eq!(diary.tokens.last(), Some(&made.lexicon.id(END)));
    }
}

#[test]
fn the_dials_turn_what_they_name() {
    let count = |name: &str, wanted: &dyn Fn(&Made, &Example) -> bool| {
        let made = made(name);
        made.documents(600).iter().filter(|d| wanted(&made, d)).count()
    };
    let diary = |made: &Made, d: &Example| !made.is_chat(d);
    assert_eq!(count("linked?documents=0", &diary), 0);
    assert!(count("linked?documents=0.5", &diary) > 100);
    // The assistant's tasks are the only chats that begin with a question and no topic's answer.
    let task = |made: &Made, d: &Example| {
        let text = &made.world.text;
        let first = |s: &String| made.lexicon.encode(s);
        let sentences = text.topics.iter().flat_map(|t| t.held.iter().chain(&t.denied));
        let values = text.attributes.iter().flat_map(|a| &a.value).flat_map(|v| &v.sentences);
        let known: BTreeMap<Vec<u32>, String> =
            sentences.chain(values).map(|s| (first(s), s.clone())).collect();
        d.tokens[0] == made.lexicon.id(USER) && found(&d.tokens, &known).is_empty()
    };
    assert_eq!(count("linked?self=1", &task), 0);
    assert!(count("linked?self=0", &task) > 100);
}

#[test]
fn no_held_out_question_is_ever_seen() {
    let made = made("linked");
    let text = &made.world.text;
    let lists = text
        .topics
        .iter()
        .map(|t| &t.questions)
        .chain(text.attributes.iter().map(|a| &a.questions));
    let lists: Vec<&Vec<String>> = lists.collect();
    let by_tokens = |questions: Vec<&String>| -> BTreeMap<Vec<u32>, String> {
        questions.into_iter().map(|q| (made.lexicon.encode(q), q.clone())).collect()
    };
    let held_out = by_tokens(lists.iter().flat_map(|q| &q[q.len() - HELD_OUT..]).collect());
    let seen = by_tokens(lists.iter().flat_map(|q| &q[..q.len() - HELD_OUT]).collect());
    let mut n_seen = 0;
    for document in made.documents(2_000) {
        assert_eq!(found(&document.tokens, &held_out), Vec::<&String>::new());
        n_seen += found(&document.tokens, &seen).len();
    }
    assert!(n_seen > 500, "only {n_seen} questions were recognised, so nothing was checked");
}

#[test]
fn every_being_is_visited_about_every_subject_equally_often() {
    let all: Subjects = vec![0, 0, 1, 2, 2, 2, 3];
    let n_beings = 5;
    let mut visits = Visits::default();
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let weight = |subject: usize| all.iter().filter(|&&s| s == subject).count();
    for _ in 0..60 {
        let (being, subjects) = visits.next(n_beings, &all, Seed(4));
        for &subject in &subjects {
            *counts.entry((being, subject)).or_default() += 1;
        }
        let round = usize::try_from(visits.round).unwrap();
        for (being, subject) in (0..n_beings).flat_map(|b| (0..4).map(move |s| (b, s))) {
            let count = counts.get(&(being, subject)).copied().unwrap_or(0);
            let between = (round - 1) * weight(subject)..=round * weight(subject);
            assert!(
                between.contains(&count),
                "being {being}, subject {subject}: {count} in round {round}"
            );
            assert!(
                !visits.queue.is_empty() || count == round * weight(subject),
                "a round leaves nobody out"
            );
        }
    }
    assert!(visits.round >= 3, "{} rounds", visits.round);
}

#[test]
fn the_opening_speaks_of_claims_only_and_the_rest_of_everything() {
    let made = made("linked");
    let text = &made.world.text;
    let other = text.topics.iter().filter(|t| t.block != Block::Claim);
    let other = other.flat_map(|t| t.held.iter().chain(&t.denied));
    let values = text.attributes.iter().flat_map(|a| &a.value).flat_map(|v| &v.sentences);
    let others: BTreeMap<Vec<u32>, String> =
        other.chain(values).map(|s| (made.lexicon.encode(s), s.clone())).collect();
    let tokens = 60_000;
    let (mut total, mut in_opening, mut after) = (0, 0, 0);
    for batch in made.corpus().batches(tokens) {
        let opening = (total as f64) < tokens as f64 * OPENING;
        for document in &batch {
            let spoken = found(&document.tokens, &others);
            if opening {
                assert_eq!(spoken, Vec::<&String>::new());
                in_opening += 1;
            } else {
                after += spoken.len();
            }
        }
        total += batch.iter().map(|e| e.tokens.len()).sum::<usize>();
    }
    assert!(
        in_opening > 0 && after > 500,
        "{in_opening} documents in the opening, {after} other answers after it"
    );
}

#[test]
fn subjects_come_up_as_often_as_their_weight() {
    let made = made("linked");
    let subjects = weighted_subjects(&made.world, Phase::Everything);
    let n = made.world.text.topics.len();
    for (i, topic) in made.world.text.topics.iter().enumerate() {
        let expected = match topic.block {
            Block::Claim => CLAIM_WEIGHT,
            Block::Preference => PREFERENCE_WEIGHT,
            Block::Zero | Block::DriftLow | Block::DriftHigh | Block::Nuisance => 1,
            Block::Drift | Block::Guard => panic!("{} is no topic of the world", topic.id),
        };
        assert_eq!(subjects.iter().filter(|&&s| s == i).count(), expected, "{}", topic.id);
    }
    let attributes = subjects.iter().filter(|&&s| s >= n).count();
    assert_eq!(attributes, made.world.text.attributes.len() * ATTRIBUTE_WEIGHT);
}

#[test]
fn every_word_of_the_corpus_is_known() {
    let made = made("linked");
    let unknown = made.lexicon.id(UNKNOWN);
    for document in made.documents(1_000) {
        assert!(!document.tokens.contains(&unknown), "{document:?}");
        assert_eq!(document.tokens.len(), document.counted.len());
        assert!(
            document.tokens.len() <= 160,
            "longer than the organism's context: {}",
            document.tokens.len()
        );
    }
}

#[test]
fn composed_answers_stay_on_their_side_and_repeat_no_sentence() {
    let made = made("linked");
    let topic = made.world.text.topics.iter().find(|t| t.block == Block::Preference).unwrap();
    let (first, more) = topic.side(true);
    let mut stream = Seed(5).stream("compose", 0);
    let mut lengths = BTreeSet::new();
    for _ in 0..300 {
        let answer = compose(first, more, &mut stream);
        let sentences: Vec<&str> = answer.split_inclusive('.').map(str::trim).collect();
        assert!(first.iter().any(|s| s == sentences[0]), "{answer}");
        assert!(sentences[1..].iter().all(|s| more.iter().any(|m| m == s)), "{answer}");
        assert_eq!(sentences.iter().collect::<BTreeSet<_>>().len(), sentences.len(), "{answer}");
        lengths.insert(sentences.len());
    }
    assert_eq!(lengths, [1, 2, 3].into());
}
