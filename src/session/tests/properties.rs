//! Random lists of events against what must hold whatever a peer and a driver do.

use super::*;
use crate::protocol::close_code::CloseCode;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
const IDS: [&str; 3] = ["1", "2", "3"];
/// Small limits, so that short lists reach them.
const IN_FLIGHT: u32 = 4;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A message of this kind, with an id and for a room.
    Say { kind: usize, id: Option<usize>, room: usize },
    /// A frame or a fault of the transport.
    Frame(usize),
    /// What became of a credential.
    Verdict(usize),
    /// The outcome of a request in flight (or of none), in this manner.
    Outcome { which: usize, manner: u8 },
    /// The clocks move on, each by its own milliseconds; the wall clock may jump back.
    Wait { ms: u64, wall_ms: i64 },
    /// The timer fires; the peer was heard this long ago.
    Timer { silent_ms: u64, backlog: bool },
    /// The server decides.
    Server(usize),
}

const KINDS: [&str; 10] = [
    r#""type":"auth","payload":"t""#,
    r#""type":"join","#,
    r#""type":"join","since":{"epoch":"e","seq":1},"#,
    r#""type":"leave","#,
    r#""type":"message","payload":null,"#,
    r#""type":"ping""#,
    r#""type":"history","#,
    r#""type":"what""#,
    r#""type":"join""#,
    r#""type":"message","payload":1,"idempotency_key":"k","#,
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..KINDS.len(), prop::option::of(0..IDS.len()), 0..ROOMS.len())
            .prop_map(|(kind, id, room)| Step::Say { kind, id, room }),
        2 => (0_usize..12).prop_map(Step::Frame),
        4 => (0_usize..20).prop_map(Step::Verdict),
        8 => (0_usize..6, any::<u8>()).prop_map(|(which, manner)| Step::Outcome { which, manner }),
        3 => (0_u64..30_000, -20_000_i64..50_000)
            .prop_map(|(ms, wall_ms)| Step::Wait { ms, wall_ms }),
        3 => (0_u64..40_000, any::<bool>())
            .prop_map(|(silent_ms, backlog)| Step::Timer { silent_ms, backlog }),
        1 => (0_usize..24).prop_map(Step::Server),
    ]
}

/// What was asked of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Join,
    Leave,
    Publish,
}

/// The session, the driver, and what was seen.
struct World {
    session: Session,
    now: Now,
    /// Whether the driver reads only while it may.
    obeys: bool,
    in_flight: Vec<(RequestKey, Asked, String)>,
    asked: BTreeMap<String, u32>,
    answered: BTreeMap<String, u32>,
    joins: BTreeSet<String>,
    verdicts: u32,
    verifications: u32,
    ended: bool,
}

impl World {
    fn new(obeys: bool) -> Self {
        let session = SessionLimits {
            in_flight: IN_FLIGHT,
            rooms: 3,
            bugs: 6,
            burst: 6,
            refusals: 5,
            ..SessionLimits::default()
        };
        let rules = Rules { session, rooms: RoomRules::granted(), ..rules() };
        let opening = Opening::FirstMessage;
        let (session, _) = Session::new(START, Arc::new(rules), opening, "c1".into(), 7);
        Self {
            session,
            now: START,
            obeys,
            in_flight: Vec::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            joins: BTreeSet::new(),
            verdicts: 0,
            verifications: 0,
            ended: false,
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Say { kind, id, room } => self.say(kind, id, room),
            Step::Frame(which) => self.frame(which),
            Step::Verdict(which) => self.verdict(which),
            Step::Outcome { which, manner } => self.outcome(which, manner),
            Step::Wait { ms, wall_ms } => {
                let wall = self.now.wall.as_ms().saturating_add_signed(wall_ms);
                self.now = Now { time: self.now.time + ms, wall: Wall::from_ms(wall) };
            }
            Step::Timer { silent_ms, backlog } => self.timer(silent_ms, backlog),
            Step::Server(which) => self.server(which),
        }
    }

    fn say(&mut self, kind: usize, id: Option<usize>, room: usize) {
        let mut text = format!("{{{}", KINDS[kind]);
        if text.ends_with(',') {
            text += &format!(r#""room":"{}""#, ROOMS[room]);
        }
        if let Some(id) = id.map(|id| IDS[id]) {
            text += &format!(r#","id":"{id}""#);
        }
        text.push('}');
        if self.obeys && !self.session.wants_input() {
            return;
        }
        if let Some(id) = id {
            *self.asked.entry(IDS[id].into()).or_default() += 1;
        }
        self.feed(Event::Text(&text));
    }

    fn frame(&mut self, which: usize) {
        if self.obeys && !self.session.wants_input() {
            return;
        }
        self.feed(match which {
            0 => Event::Text("{"),
            1 => Event::TooBig,
            2 => Event::Fault(TransportFault::Protocol),
            3 => Event::PeerClose(None),
            4 => Event::UnsupportedProtocol,
            5..8 => Event::Pong,
            _ => Event::Ping(b"p"),
        });
    }

    fn verdict(&mut self, which: usize) {
        let login = |grant: &str, life: u64| {
            Box::new(Login { expires_at: self.now.wall + life, ..granting(grant) })
        };
        self.feed(match which {
            0..6 => Event::Verified(login(r#"{"*":"*"}"#, 300_000)),
            6..9 => Event::Verified(login(r#"{"a":["join"],"b":"*"}"#, 20_000)),
            9 => Event::Verified(Box::new(Login {
                identity: Arc::new(Identity {
                    issuer: None,
                    subject: "bob".into(),
                    user: "bob".into(),
                }),
                ..*login("{}", 50_000)
            })),
            10 => Event::Verified(login("{}", 0)),
            11..14 => Event::VerifierDown,
            14 => Event::Refused(Refusal::Revoked),
            15 => Event::Refused(Refusal::Forbidden),
            16 => Event::Refused(Refusal::NotYetValid),
            _ => Event::Refused(Refusal::Invalid),
        });
    }

    fn outcome(&mut self, which: usize, manner: u8) {
        let nobody = (RequestKey(77), Asked::Join, String::new());
        let known = self.in_flight.get(which).cloned();
        let (key, asked, room) = known.unwrap_or(nobody);
        // Outcomes of one room come in the order asked.
        let first = self.in_flight.iter().find(|(_, _, other)| *other == room);
        let (key, asked) = first.map_or((key, asked), |(key, asked, _)| (*key, *asked));
        self.in_flight.retain(|(other, ..)| *other != key);
        let why = match manner % 3 {
            0 => RoomRefusal::NotJoined,
            1 => RoomRefusal::Overloaded,
            _ => RoomRefusal::Internal,
        };
        let good = manner < 170;
        self.feed(match asked {
            Asked::Join if good => Event::Joined { key, epoch: "e", seq: 1, recovered: None },
            Asked::Join => Event::JoinRefused { key, why },
            Asked::Leave => Event::Left { key },
            Asked::Publish if good => {
                Event::Published { key, epoch: "e", seq: 1, at_ms: 1, duplicate: false }
            }
            Asked::Publish => Event::PublishFailed { key, why },
        });
    }

    fn timer(&mut self, silent_ms: u64, backlog: bool) {
        let heard = Time::from_ms(self.now.time.as_ms().saturating_sub(silent_ms));
        self.feed(Event::Timer(Pulse { heard, spoke: heard, backlog }));
        let next = self.session.next_deadline(self.now);
        assert!(next.is_none_or(|at| at > self.now.time), "the timer spins");
    }

    fn server(&mut self, which: usize) {
        self.feed(match which {
            0 => Event::Revoked,
            1 => Event::Replaced,
            2 => Event::Shutdown { after_ms: 5 },
            3 => Event::Slow,
            4..8 => Event::Evicted(CloseCode::Overloaded),
            8..12 => Event::Eof,
            _ => Event::Draining { after_ms: 5 },
        });
    }

    fn feed(&mut self, event: Event<'_>) {
        let words = format!("{event:?}");
        let actions = self.session.handle(self.now, event);
        assert!(actions.len() <= 3 + 2 * ROOMS.len(), "{words}: {actions:?}");
        assert!(!self.ended || actions.is_empty(), "behind the end: {words}: {actions:?}");
        let mut fatal = None;
        for action in &actions {
            assert!(!self.ended, "behind the end: {words}: {actions:?}");
            self.see(action, &mut fatal);
        }
        assert_eq!(fatal, None, "a fatal error without its Close");
        self.hold();
    }

    /// Looks at one action; `fatal` is the verdict that the Close must repeat.
    fn see(&mut self, action: &Action<'_>, fatal: &mut Option<(CloseCode, Option<u64>)>) {
        let open = self.verdicts > 0;
        match action {
            Action::Verify(_) => {
                self.verifications += 1;
                assert!(open || self.verifications == 1, "one attempt");
            }
            Action::Send(ServerMessage::Fatal { code, retry_after_ms, .. }) => {
                *fatal = Some((*code, *retry_after_ms));
            }
            Action::Send(ServerMessage::AuthOk(ok)) => {
                assert_eq!(ok.refreshed, open, "one verdict opens");
                self.verdicts += 1;
            }
            Action::Join { key, room, .. } => {
                self.joins.insert(room.as_str().into());
                self.sent(*key, Asked::Join, room.as_str());
            }
            Action::Leave { key, room } => self.sent(*key, Asked::Leave, room.as_str()),
            Action::Publish { key, room, .. } => self.sent(*key, Asked::Publish, room.as_str()),
            Action::Send(_) | Action::Evict { .. } | Action::Ping { .. } | Action::CancelVerify => {
                assert!(open, "before the verdict: {action:?}");
            }
            Action::Close { code, retry_after_ms } => {
                let said = fatal.take();
                assert_eq!(said, code.has_error().then_some((*code, *retry_after_ms)));
                self.ended = true;
            }
            Action::EchoClose(_) | Action::Abandon => self.ended = true,
            Action::Pong(_) | Action::Cut => {}
        }
        if let Action::Send(message) = action
            && let Some(id) = message_id(message)
        {
            *self.answered.entry(id.into()).or_default() += 1;
        }
    }

    fn sent(&mut self, key: RequestKey, asked: Asked, room: &str) {
        assert!(self.verdicts > 0, "before the verdict");
        assert!(self.joins.contains(room), "{room} was never joined");
        assert!(!self.in_flight.iter().any(|(other, ..)| *other == key), "{key:?} twice");
        self.in_flight.push((key, asked, room.into()));
    }

    /// What holds between two events.
    fn hold(&self) {
        assert!(self.in_flight.len() <= IN_FLIGHT as usize);
        for (id, answers) in &self.answered {
            assert!(Some(answers) <= self.asked.get(id), "{id} answered too often");
        }
        let next = self.session.next_deadline(self.now);
        assert_eq!(next.is_none(), self.ended);
        if self.verdicts == 0 && !self.ended {
            assert_eq!(next, Some(START.time + 10_000), "the deadline moved");
        }
        let rooms = ROOMS.iter().filter(|room| self.is_member(room)).count();
        assert!(rooms <= 3, "over the cap on rooms");
        assert_eq!(self.session.is_ready(), self.verdicts > 0 && !self.ended);
    }

    fn is_member(&self, room: &str) -> bool {
        self.session.is_member(RoomRef::parse(room).unwrap())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_that_a_peer_or_a_driver_does_breaks_the_rules(
        obeys: bool,
        signs_in in prop::bool::weighted(0.8),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new(obeys);
        if signs_in {
            world.run(&Step::Say { kind: 0, id: Some(0), room: 0 });
            world.run(&Step::Verdict(0));
        }
        for step in &steps {
            world.run(step);
        }
    }

    /// A room told in the order asked, and a model that knows only the last word on it.
    #[test]
    fn membership_follows_the_last_request_and_its_outcome(
        steps in prop::collection::vec((0_usize..5, any::<bool>()), 0..40),
    ) {
        let mut rig = Rig::default();
        // What waits for an outcome; what took effect; what the client asked for last.
        let (mut queue, mut inside) = (Vec::<(RequestKey, bool)>::new(), false);
        for (step, good) in steps {
            rig.wait(1_000);
            match step {
                0 | 1 => {
                    let kind = if step == 0 { "join" } else { "leave" };
                    let text = format!(r#"{{"type":"{kind}","room":"den"}}"#);
                    let before = rig.keys.len();
                    rig.text(&text);
                    if rig.keys.len() > before {
                        queue.push((rig.last_key(), step == 0));
                    } else {
                        prop_assert!(step == 1 && queue.is_empty() && !inside);
                    }
                }
                _ if queue.is_empty() => {}
                _ => {
                    let (key, join) = queue.remove(0);
                    let why = RoomRefusal::Overloaded;
                    rig.event(match (join, good) {
                        (true, true) => Event::Joined { key, epoch: "e", seq: 1, recovered: None },
                        (true, false) => Event::JoinRefused { key, why },
                        (false, _) => Event::Left { key },
                    });
                    inside = if join { inside || good } else { false };
                }
            }
            if rig.session.phase() != Phase::Ready {
                break;
            }
            // What the last request leads to, unless a join on its way is refused.
            let leads_in = queue.last().map_or(inside, |(_, join)| *join);
            prop_assert_eq!(rig.session.is_member(RoomRef::parse("den").unwrap()), leads_in);
        }
    }
}
