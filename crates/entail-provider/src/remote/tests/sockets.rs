//! Over real sockets, against a server that misbehaves by script.
#![expect(clippy::disallowed_methods, reason = "a clock that runs faster than the machine's")]

use std::time::Instant;

use entail_faults::{Answer, Answers, Fault, Script, Server};

use super::*;
use crate::Connections;

/// A clock that runs two hundred times as fast, so that pauses are short.
struct FastClock(Instant);

const FASTER: u32 = 200;

impl Clock for FastClock {
    fn now(&self) -> Duration {
        self.0.elapsed() * FASTER
    }

    fn unix(&self) -> Duration {
        self.now()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time / FASTER);
    }
}

fn remote(server: &Server, traffic: &Arc<Traffic>, most_answers: u32) -> Remote {
    let wire = ChatWire {
        url: format!("{}/v1/chat/completions", server.url()),
        timeout: Duration::from_millis(300),
        ..ChatWire::new(most_answers)
    };
    let connections = Arc::new(Connections::new(64, 256 * 1024));
    Remote::new(Box::new(wire), &account(), connections, Arc::clone(traffic)).unwrap()
}

fn echoing() -> Script {
    let echo = |question: &entail_faults::Question<'_>| Answer::Says(question.last_user().into());
    Script { answers: Answers::new(echo), ..Script::default() }
}

fn fast_traffic() -> Arc<Traffic> {
    Arc::new(Traffic::new(Arc::new(FastClock(Instant::now())), Seed(1)))
}

#[test]
fn two_thousand_answers_come_once_each_through_a_fifth_of_faults() {
    let server = Server::start(Script { faults: Fault::mixture(0.2), ..echoing() }).unwrap();
    let traffic = fast_traffic();
    let requests = questions(2_000, 1);
    let (delivered, result) = ask(&remote(&server, &traffic, 1), &requests);
    let (told, counts) = (traffic.told(), server.counts());
    result.unwrap_or_else(|error| panic!("{error}; {told:?}"));
    assert_each_once(&delivered, &requests);
    assert_eq!(counts.answered_twice(), 0, "nothing whole is asked for again: {counts:?}");
    assert!(told.failed + told.refused > 250, "{told:?}");
}

#[test]
fn several_samples_of_a_question_come_from_one_call() {
    let server = Server::start(echoing()).unwrap();
    let traffic = fast_traffic();
    let requests = questions(100, 5);
    let (delivered, result) = ask(&remote(&server, &traffic, 8), &requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    assert_eq!(traffic.told().calls, 100);
}

#[test]
fn nobody_there_is_said_within_seconds() {
    let url = Server::start(Script::default()).unwrap().url();
    let wire = ChatWire { url, ..ChatWire::new(1) };
    let connections = Arc::new(Connections::new(8, 1024));
    let remote = Remote::new(Box::new(wire), &account(), connections, fast_traffic()).unwrap();
    let error = ask(&remote, &questions(1_000, 1)).1.unwrap_err().to_string();
    assert!(error.contains("nobody answered"), "{error}");
}
