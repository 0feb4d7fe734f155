use super::*;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn pauses_grow_to_a_cap_and_differ_between_samples() {
    let mut seen = Vec::new();
    for sample in 0..200 {
        let key = Key::of(&sample);
        for (failures, most) in [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (4_000, 30.0)]
        {
            let drawn = pause(Seed(1), key, failures, None);
            assert!(drawn.as_secs_f64() <= most, "{failures}: {drawn:?}");
            assert_eq!(drawn, pause(Seed(1), key, failures, None));
        }
        seen.push(pause(Seed(1), key, 7, None));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 200);
    let mean = seen.iter().sum::<Duration>().as_secs_f64() / 200.0;
    assert!((mean - 15.0).abs() < 2.0, "the mean of full jitter is half the cap, found {mean}");
}

#[test]
fn a_service_that_names_a_pause_gets_it_up_to_two_minutes() {
    let wait = |after| pause(Seed(1), Key::of(&1), 3, Some(after));
    assert_eq!(wait(seconds(7)), seconds(7));
    assert_eq!(wait(Duration::ZERO), Duration::ZERO);
    assert_eq!(wait(seconds(86_400)), seconds(120));
}

#[test]
fn a_wrong_address_ends_in_seconds_and_a_silent_service_in_half_an_hour() {
    let patience = Patience::default();
    let mut wrong = Health::default();
    assert_eq!(wrong.note(seconds(100), Sign::Nobody, &patience), None);
    assert_eq!(wrong.note(seconds(104), Sign::Nobody, &patience), None);
    let why = wrong.note(seconds(105), Sign::Nobody, &patience).unwrap();
    assert!(why.contains("nobody answered for 5 s"), "{why}");

    let mut silent = Health::default();
    assert_eq!(silent.note(seconds(0), Sign::Trouble, &patience), None);
    assert_eq!(silent.note(seconds(1_799), Sign::Nobody, &patience), None);
    let why = silent.note(seconds(1_800), Sign::Trouble, &patience).unwrap();
    assert!(why.contains("30 minutes"), "{why}");
}

#[test]
fn any_answer_begins_patience_anew() {
    let patience = Patience::default();
    let mut health = Health::default();
    for at in (0..100_000).step_by(1_000) {
        assert_eq!(health.note(seconds(at), Sign::Trouble, &patience), None);
        assert_eq!(health.note(seconds(at + 500), Sign::Nobody, &patience), None);
        assert_eq!(health.note(seconds(at + 600), Sign::Answer, &patience), None);
    }
}
