//! One cause, one ticket: a bicycle of 50 m in 300 frames.

use guideway_assert::{
    Checker, Cuboid, DVec3, Frame, Observation, Rule, Rules, Run, Scope, Se3, State, Subject, Tickets, Violation,
};

fn bicycle(recording: &str, track: &str, first_frame: i64) -> Vec<Violation> {
    let mut checker = Checker::new(Rules::shipped().unwrap(), Subject::Detections);
    let mut out = Vec::new();
    for i in first_frame..first_frame + 300 {
        let frame = Frame {
            recording,
            sensor: "/camera",
            stamp_ns: i * 100_000_000,
            world_from_ego: Some(Se3::IDENTITY),
            ..Frame::default()
        };
        let pose = Se3::from_yaw(0.0, DVec3::new(20.0, 4.0, 0.9)).unwrap();
        let long = Observation {
            class: "vehicle.bicycle",
            score: Some(0.9),
            track: Some(track),
            cuboid: Some(Cuboid::new(pose, [50.0, 0.7, 1.7]).unwrap()),
            ..Observation::default()
        };
        out.extend(checker.frame(&frame, &[long]).violations);
    }
    out.extend(checker.finish_recording().violations);
    out
}

fn run(id: &str) -> Run {
    Run {
        id: id.to_owned(),
        source: "predictions".to_owned(),
        at_ns: 0,
    }
}

#[test]
fn three_hundred_frames_are_one_ticket() {
    let found = bicycle("drive-1", "7", 0);
    let mut tickets = Tickets::default();
    tickets.merge(&run("a"), &found);
    assert_eq!(tickets.len(), 1);
    let ticket = tickets.iter().next().unwrap().clone();
    assert_eq!(
        (ticket.rule, &*ticket.class, ticket.state),
        (Rule::Size, "bicycle", State::Open)
    );
    assert_eq!(ticket.frames(), 300);
    assert_eq!(ticket.occurrences.len(), 1);
    assert_eq!(ticket.evidence.len(), guideway_assert::ticket::MAX_EVIDENCE);
    assert_eq!(ticket.title(), "bicycle: 50.00 m long, possible is 0.8 to 3 m");
    let before = tickets.clone();

    // The same again, whole or in parts, changes nothing.
    assert_eq!(tickets.merge(&run("a"), &found).unchanged.len(), 1);
    for part in found.chunks(7) {
        tickets.merge(&run("a"), part);
    }
    assert_eq!(tickets, before);
    // And what was kept as JSON is the same.
    let text = serde_json::to_string(&tickets).unwrap();
    assert_eq!(serde_json::from_str::<Tickets>(&text).unwrap(), tickets);
}

#[test]
fn parts_in_any_order_make_the_same_ticket() {
    let found = bicycle("drive-1", "7", 0);
    let (mut forth, mut back) = (Tickets::default(), Tickets::default());
    for part in found.chunks(50) {
        forth.merge(&run("a"), part);
    }
    for part in found.chunks(50).rev() {
        back.merge(&run("a"), part);
    }
    assert_eq!(forth, back);
}

#[test]
fn a_closed_ticket_opens_again_through_new_evidence_alone() {
    let found = bicycle("drive-1", "7", 0);
    let mut tickets = Tickets::default();
    let id = tickets.merge(&run("a"), &found).opened.pop_first().unwrap();
    tickets.assign(&id, "ann").unwrap();
    tickets.close(&id, "ann", "the new model knows bicycles", 5).unwrap();
    assert!(tickets.close(&id, "ann", "once more", 6).is_err());

    // What it was closed after does not open it.
    tickets.merge(&run("a"), &found);
    assert_eq!(tickets.get(&id).unwrap().state, State::Closed);

    // Another recording with the same cause opens this one, and no other.
    let merged = tickets.merge(&run("b"), &bicycle("drive-2", "31", 0));
    assert_eq!(merged.reopened.iter().collect::<Vec<_>>(), [&id]);
    assert_eq!(tickets.len(), 1);
    let ticket = tickets.get(&id).unwrap();
    assert_eq!(
        (ticket.state, ticket.reopened, ticket.frames()),
        (State::Reopened, 1, 600)
    );
    assert_eq!((&*ticket.owner, ticket.occurrences.len()), ("ann", 2));

    // The same frames, wrong again in a later run, open it too; they are not counted twice.
    tickets.close(&id, "ann", "another model", 7).unwrap();
    tickets.merge(&run("b"), &bicycle("drive-2", "31", 0));
    assert_eq!(tickets.get(&id).unwrap().state, State::Closed);
    tickets.merge(&run("c"), &bicycle("drive-2", "31", 0));
    let ticket = tickets.get(&id).unwrap();
    assert_eq!(
        (ticket.state, ticket.reopened, ticket.frames()),
        (State::Reopened, 2, 600)
    );

    // Other frames of a run that it knows are new as well.
    tickets.close(&id, "ann", "and another", 8).unwrap();
    tickets.merge(&run("c"), &bicycle("drive-2", "31", 300));
    assert_eq!(tickets.get(&id).unwrap().state, State::Reopened);
}

#[test]
fn by_object_every_bicycle_has_its_own() {
    let mut found = bicycle("drive-1", "7", 0);
    found.extend(bicycle("drive-1", "8", 0));
    let mut tickets = Tickets::default();
    tickets.merge(&run("a"), &found);
    assert_eq!(tickets.len(), 1, "a class is one cause");
    for violation in &mut found {
        violation.scope = Scope::Object;
    }
    let mut tickets = Tickets::default();
    tickets.merge(&run("a"), &found);
    assert_eq!(tickets.len(), 2);
    // Whose boxes they are makes a difference: a model is not mended by mending labels.
    let labels = Run {
        source: "labels".to_owned(),
        ..run("a")
    };
    tickets.merge(&labels, &found);
    assert_eq!(tickets.len(), 4);
}
