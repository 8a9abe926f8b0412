//! Random lists of events against what must hold whatever a peer and a driver do.

use super::*;
use crate::protocol::{
    close_code::CloseCode,
    error_code::ErrorCode,
    grant::{Permission, Permissions},
    room_name::RoomName,
};
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
    /// What became of a room token, for this room and this long.
    Pass { which: usize, room: usize, life_ms: u64 },
    /// The outcome of a request in flight (or of none), in this manner.
    Outcome { which: usize, manner: u8 },
    /// The clocks move on, each by its own milliseconds; the wall clock may jump back.
    Wait { ms: u64, wall_ms: i64 },
    /// The timer fires; the peer was heard this long ago.
    Timer { silent_ms: u64, backlog: bool },
    /// The server decides.
    Server(usize),
}

const KINDS: [&str; 13] = [
    r#""type":"auth","payload":"t""#,
    r#""type":"join","#,
    r#""type":"join","since":{"epoch":"e","seq":1},"#,
    r#""type":"leave","#,
    r#""type":"message","payload":null,"#,
    r#""type":"ping""#,
    r#""type":"history","#,
    r#""type":"history","before":5,"limit":1000,"#,
    r#""type":"message","payload":1,"ephemeral":true,"#,
    r#""type":"what""#,
    r#""type":"join""#,
    r#""type":"message","payload":1,"idempotency_key":"k","#,
    r#""type":"join","token":"p","#,
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..KINDS.len(), prop::option::of(0..IDS.len()), 0..ROOMS.len())
            .prop_map(|(kind, id, room)| Step::Say { kind, id, room }),
        2 => (0_usize..12).prop_map(Step::Frame),
        4 => (0_usize..20).prop_map(Step::Verdict),
        4 => (0_usize..8, 0..ROOMS.len(), 0_u64..60_000)
            .prop_map(|(which, room, life_ms)| Step::Pass { which, room, life_ms }),
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
    History,
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
    /// The room of the join that waits for its room token.
    entering: Option<usize>,
    /// Room tokens in force: when they end, and who signed them.
    passes: BTreeMap<String, (Wall, Signer)>,
    /// Rooms between `joined` and the request or the word that ends it.
    inside: BTreeSet<String>,
    /// What the login in force allows.
    grant: Arc<Grant>,
    next_grant: Arc<Grant>,
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
        let (session, _) = Session::new(START, Arc::new(rules), Arrival::new("c1", 7));
        Self {
            session,
            now: START,
            obeys,
            in_flight: Vec::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            joins: BTreeSet::new(),
            entering: None,
            passes: BTreeMap::new(),
            inside: BTreeSet::new(),
            grant: Arc::default(),
            next_grant: Arc::default(),
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
            Step::Pass { which, room, life_ms } => self.pass(which, room, life_ms),
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
        let waits = self.session.reads_ahead();
        self.feed(Event::Text(&text));
        let shows_token = KINDS[kind].contains("token");
        if shows_token && !waits && self.session.is_ready() && self.session.reads_ahead() {
            self.entering = Some(room);
        }
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
        let grant = match which {
            0..6 => r#"{"*":"*"}"#,
            6..9 => r#"{"a":["join"],"b":"*"}"#,
            _ => "{}",
        };
        self.next_grant = Arc::new(Grant::parse(grant).unwrap());
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

    fn pass(&mut self, which: usize, room: usize, life_ms: u64) {
        // The verifier speaks only when it was asked, and mostly of the room of the join.
        let Some(asked) = self.entering.take() else { return };
        let room = ROOMS[if which == 0 { room } else { asked }];
        let expires_at = self.now.wall + life_ms;
        let pass = Pass {
            identity: ann().identity,
            room: RoomRef::parse(room).unwrap().to_name(),
            allow: Permissions::ALL,
            expires_at,
            leeway_ms: 0,
            signer: Signer::from_number(which as u64),
        };
        let (before, signer) = (self.in_flight.len(), pass.signer);
        self.feed(match which {
            0..5 => Event::PassVerified(Box::new(pass)),
            5 => Event::PassRefused(Refusal::Invalid),
            6 => Event::PassRefused(Refusal::Expired),
            _ => Event::PassUndecided,
        });
        if self.in_flight.len() > before {
            self.passes.insert(room.into(), (expires_at, signer));
        }
    }

    fn outcome(&mut self, which: usize, manner: u8) {
        let nobody = (RequestKey(77), Asked::Join, "nowhere".to_owned());
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
        // One that ended while its join was on its way gives nothing either.
        let ended = self.passes.get(&room).is_some_and(|(at, _)| *at <= self.now.wall);
        if ended && !self.inside.contains(&room) {
            self.passes.remove(&room);
        }
        let good = manner < 170;
        self.feed(match asked {
            Asked::Join if good => Event::Joined { key, epoch: "e", seq: 1, recovered: None },
            Asked::Join => Event::JoinRefused { key, why },
            Asked::Leave => Event::Left { key },
            Asked::History if good => {
                let messages = vec!["{}".into()];
                Event::History { key, epoch: "e", messages, more: true }
            }
            Asked::History => Event::HistoryRefused { key, why },
            Asked::Publish if manner < 80 => Event::Emitted { key, at_ms: 1 },
            Asked::Publish if good => {
                Event::Published { key, epoch: "e", seq: 1, at_ms: 1, duplicate: false }
            }
            Asked::Publish => Event::PublishFailed { key, why },
        });
        // A room token whose join was refused gave nothing.
        if !self.is_member(&room) {
            self.passes.remove(&room);
        }
    }

    fn timer(&mut self, silent_ms: u64, backlog: bool) {
        let heard = Time::from_ms(self.now.time.as_ms().saturating_sub(silent_ms));
        self.feed(Event::Timer(Pulse { heard, spoke: heard, backlog }));
        let next = self.session.next_deadline(self.now);
        assert!(next.is_none_or(|at| at > self.now.time), "the timer spins");
    }

    fn server(&mut self, which: usize) {
        let removed = Signer::from_number(1);
        self.feed(match which {
            0 => Event::Revoked,
            1 => Event::Replaced,
            2 => Event::Shutdown { after_ms: 5 },
            3 => Event::Slow,
            4..8 => Event::Evicted(CloseCode::Overloaded),
            8..10 => Event::Eof,
            10 => Event::KeyRemoved(removed),
            11 => Event::Delivery,
            _ => Event::Draining { after_ms: 5 },
        });
        if which == 10 {
            let rests = |room: &String| self.passes.get(room).is_some_and(|(_, by)| *by == removed);
            assert!(self.ended || !self.inside.iter().any(rests), "the key is gone");
            self.passes.retain(|_, (_, by)| *by != removed);
        }
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
        if !self.ended {
            for room in &self.inside {
                let ends_at = self.passes.get(room);
                assert!(
                    ends_at.is_none_or(|(at, _)| *at > self.now.wall),
                    "{room} rests on nothing"
                );
            }
        }
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
                self.grant = Arc::clone(&self.next_grant);
            }
            Action::Send(ServerMessage::Joined { room, .. }) => {
                // A leave behind it may be on its way.
                if self.is_member(room) {
                    self.inside.insert(room.to_string());
                }
            }
            Action::VerifyPass(_) => assert!(open && self.entering.is_none(), "one at a time"),
            Action::CancelVerifyPass => self.entering = None,
            Action::Evict { room } => {
                assert!(open, "before the verdict: {action:?}");
                self.inside.remove(room.as_str());
                self.passes.remove(room.as_str());
            }
            Action::Join { key, room, .. } => {
                self.joins.insert(room.as_str().into());
                self.sent(*key, Asked::Join, room.as_str());
            }
            Action::Leave { key, room } => {
                self.inside.remove(room.as_str());
                self.passes.remove(room.as_str());
                self.sent(*key, Asked::Leave, room.as_str());
            }
            Action::Publish { key, room, .. } => {
                let by_login = self.grant.allows(room.borrowed(), Permission::Send);
                assert!(by_login || self.passes.contains_key(room.as_str()), "no right to {room}");
                self.sent(*key, Asked::Publish, room.as_str());
            }
            Action::History { key, room, .. } => self.looks_back(*key, room),
            Action::Send(ServerMessage::History { room, .. }) => {
                assert!(self.is_member(room), "only members look back");
            }
            Action::Send(_) | Action::Ping { .. } | Action::CancelVerify => {
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
        if let Action::Send(message) = action {
            self.hear(message);
        }
    }

    fn looks_back(&mut self, key: RequestKey, room: &RoomName) {
        let by_login = self.grant.allows(room.borrowed(), Permission::History);
        assert!(by_login || self.passes.contains_key(room.as_str()), "no right to {room}");
        let pages = self.in_flight.iter().filter(|(_, asked, _)| *asked == Asked::History);
        assert!(!self.obeys || pages.count() == 0, "one at a time");
        self.sent(key, Asked::History, room.as_str());
    }

    fn hear(&mut self, message: &ServerMessage<'_>) {
        if let ServerMessage::Error(error) = message
            && error.code == ErrorCode::Overloaded
        {
            // Perhaps the session gave a look back up.
            self.in_flight.retain(|(_, asked, _)| *asked != Asked::History);
        }
        if let Some(id) = message_id(message) {
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
        assert!(
            self.ended || !self.obeys || self.entering.is_none() || !self.session.wants_input()
        );
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
