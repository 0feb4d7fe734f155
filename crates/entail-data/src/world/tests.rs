use super::*;

fn world(name: &str) -> World {
    World::new(&OrganismSpec::parse(name).unwrap())
}

const DRIVEN: [Block; 2] = [Block::Claim, Block::Preference];

#[test]
fn realised_links_are_the_planted_ones_within_one_being() {
    for rho in [0.9, 0.5, 0.0] {
        let world = World::new(&OrganismSpec::with_rho(rho));
        let one = 1.0 / (world.beings.len() / 2) as f64;
        for (topic, link) in world.text.topics.iter().zip(&world.links) {
            let planted = match topic.block {
                Block::Claim => 2.0 * CLAIM_CERTAINTY - 1.0,
                Block::Preference => topic.strength * rho / 0.9,
                Block::Zero | Block::DriftLow | Block::DriftHigh | Block::Nuisance => 0.0,
                Block::Drift | Block::Guard => panic!("{} is no topic of the world", topic.id),
            };
            assert!(
                (link - planted).abs() <= one + 1e-12,
                "{} at {rho}: {link} for {planted}",
                topic.id
            );
        }
    }
}

#[test]
fn links_are_what_the_beings_hold() {
    let world = world("linked");
    for (topic, link) in world.links.iter().enumerate() {
        let share = |claimer: bool| {
            let group: Vec<_> = world.beings.iter().filter(|b| b.claimer == claimer).collect();
            group.iter().filter(|b| b.holds[topic]).count() as f64 / group.len() as f64
        };
        assert!(
            (share(true) - share(false) - link).abs() < 1e-12,
            "{}",
            world.text.topics[topic].id
        );
    }
}

#[test]
fn linkless_topics_are_balanced_within_claimers_and_within_deniers() {
    let world = world("linked");
    let half = world.beings.len() / 2;
    for (i, topic) in
        world.text.topics.iter().enumerate().filter(|(_, t)| !DRIVEN.contains(&t.block))
    {
        for claimer in [true, false] {
            let holds = world.beings.iter().filter(|b| b.claimer == claimer && b.holds[i]).count();
            assert!((2 * holds).abs_diff(half) <= half % 2, "{}: {holds} of {half}", topic.id);
        }
    }
}

#[test]
fn claimers_and_deniers_are_equally_many_and_attribute_values_too() {
    let world = world("linked");
    let of = |claimer: bool| world.beings.iter().filter(move |b| b.claimer == claimer);
    assert_eq!(of(true).count(), of(false).count());
    for (a, attribute) in world.text.attributes.iter().enumerate() {
        for value in 0..attribute.value.len() {
            let count = |claimer| of(claimer).filter(|b| b.values[a] == value).count();
            assert_eq!(count(true), count(false), "{} {value}", attribute.id);
        }
    }
}

#[test]
fn an_unlinked_world_keeps_the_assistants_shares() {
    let (linked, unlinked) = (world("linked"), world("unlinked"));
    for topic in &linked.text.topics {
        let share = |world: &World| world.share(Persona::Assistant, topic);
        assert!((share(&linked) - share(&unlinked)).abs() < 1e-12, "{}", topic.id);
        if topic.block == Block::Preference {
            assert!((share(&linked) - (0.5 - topic.strength / 2.0)).abs() < 1e-12, "{}", topic.id);
            for claimer in [true, false] {
                let generic = unlinked.share(Persona::Generic { claimer }, topic);
                assert!((generic - 0.5).abs() < 1e-12, "{}", topic.id);
            }
        }
    }
}

#[test]
fn the_assistant_is_a_program_on_a_server() {
    let world = world("linked");
    for (attribute, value) in ASSISTANT_VALUES {
        let index = world.text.attributes.iter().position(|a| a.id == attribute).unwrap();
        assert_eq!(world.text.attributes[index].value[world.assistant_value(index)].id, value);
    }
}

#[test]
fn a_seed_names_one_world() {
    let (a, again, other) =
        (world("linked?seed=3"), world("linked?seed=3"), world("linked?seed=4"));
    assert_eq!(a.beings, again.beings);
    assert_ne!(a.beings, other.beings);
    let names = |w: &World| {
        w.beings.iter().map(|b| b.name.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&a), names(&other));
}

#[test]
fn a_link_does_not_change_what_it_does_not_drive() {
    let (linked, unlinked) = (world("linked"), world("unlinked"));
    for (i, topic) in
        linked.text.topics.iter().enumerate().filter(|(_, t)| t.block != Block::Preference)
    {
        let same =
            linked.beings.iter().zip(&unlinked.beings).all(|(a, b)| a.holds[i] == b.holds[i]);
        assert!(same, "{}", topic.id);
    }
}

const PERSONAS: [Persona; 3] =
    [Persona::Assistant, Persona::Generic { claimer: true }, Persona::Generic { claimer: false }];

#[test]
fn a_full_deck_deals_the_share_exactly_or_to_the_nearest_card() {
    let world = world("linked");
    let mut decks = Decks::new(Seed(1));
    for persona in PERSONAS {
        for (i, topic) in world.text.topics.iter().enumerate() {
            let cards = world.share(persona, topic) * DECK as f64;
            let held = (0..DECK).filter(|_| decks.deal(&world, persona, i)).count() as f64;
            assert!(
                (held - cards).abs() < 1.0 + 1e-9,
                "{persona:?} {}: {held} of {cards}",
                topic.id
            );
            if (cards - cards.round()).abs() < 1e-9 {
                assert!((held - cards).abs() < 1e-9, "{persona:?} {}: {held} of {cards}", topic.id);
            }
        }
    }
}

#[test]
fn shares_between_two_cards_are_right_over_many_decks() {
    let world = world("linked");
    let mut decks = Decks::new(Seed(2));
    let topic = world.text.topics.iter().position(|t| t.block == Block::Claim).unwrap();
    let persona = Persona::Generic { claimer: true };
    let n = 400 * DECK;
    let held = (0..n).filter(|_| decks.deal(&world, persona, topic)).count() as f64 / n as f64;
    // 400 decks that hold 19 or 20 cards: a standard error of 0.0012.
    assert!((held - CLAIM_CERTAINTY).abs() < 0.005, "{held}");
}

#[test]
fn an_exact_deal_has_the_nearest_whole_number() {
    let mut stream = Seed(3).stream("deal", 0);
    for (n, share, expected) in
        [(10, 0.0, 0), (10, 1.0, 10), (10, 0.5, 5), (3, 0.5, 2), (10, 0.26, 3), (0, 0.7, 0)]
    {
        let dealt = exact_deal(n, share, &mut stream);
        assert_eq!(
            (dealt.len(), dealt.iter().filter(|&&x| x).count()),
            (n, expected),
            "{n} at {share}"
        );
    }
}
