//! A client that keeps its place in each room over all of its connections.

use super::record::{Post, Record};
use crate::{
    room::trace::Who,
    worker::tests::{
        house::House,
        peer::{Heard, Peer, text, with_id},
    },
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Everything at once.
    Eager,
    /// So many bytes at a time.
    Slow(usize),
    /// Nothing.
    Not,
}

/// Where a client stands in a room.
#[derive(Debug, Default)]
struct Journal {
    /// It is to be joined again after a reconnect.
    wanted: bool,
    inside: bool,
    /// The newest message that it has.
    position: Option<(String, u64)>,
}

/// What waits for an answer.
#[derive(Debug)]
enum Asked {
    Join { room: &'static str, since: Option<(String, u64)> },
    Leave,
    Publish(Post),
    Emit,
    History { room: &'static str, before: Option<u64>, limit: u64 },
}

/// One connection.
pub(super) struct Line {
    peer: Peer,
    who: Option<Who>,
    outgoing: Vec<u8>,
    asked: HashMap<String, Asked>,
    /// Room and number.
    heard: Vec<(String, u64)>,
    /// The last one of each author and room that nobody remembers.
    told: HashMap<(String, String), usize>,
    pub(super) reading: Reading,
    /// It did not read everything at once, always.
    lagged: bool,
    /// What it read last, in bytes.
    taken: usize,
    /// It sent more at once than there is space for answers, if all of it is refused.
    shouted: bool,
    pub(super) ready: bool,
    /// What the fatal error said.
    fatal: Option<String>,
}

/// One client.
pub(super) struct Client {
    pub(super) user: String,
    pub(super) line: Option<Line>,
    journals: BTreeMap<&'static str, Journal>,
    /// Published with a key, not acknowledged.
    unsettled: Vec<Post>,
    requests: usize,
    posts: usize,
    number: usize,
}

impl Client {
    pub(super) fn new(number: usize, user: String) -> Self {
        Self {
            user,
            line: None,
            journals: BTreeMap::new(),
            unsettled: Vec::new(),
            requests: 0,
            posts: 0,
            number,
        }
    }

    /// Signs in, joins what it was in, and publishes again what nobody acknowledged.
    pub(super) fn connect(&mut self, house: &House, token: &str, reading: Reading) {
        let peer = house.connect();
        let auth = text(&json!({ "type": "auth", "payload": token }));
        self.line = Some(Line {
            peer,
            who: None,
            outgoing: auth,
            asked: HashMap::new(),
            heard: Vec::new(),
            told: HashMap::new(),
            reading,
            lagged: reading != Reading::Eager,
            taken: 0,
            shouted: false,
            ready: false,
            fatal: None,
        });
        for journal in self.journals.values_mut() {
            journal.inside = false;
        }
        let wanted: Vec<_> = (self.journals.iter())
            .filter(|(_, journal)| journal.wanted)
            .map(|(&room, journal)| (room, journal.position.clone()))
            .collect();
        wanted.into_iter().for_each(|(room, since)| self.join(room, since, None));
        for post in std::mem::take(&mut self.unsettled) {
            self.send_post(post, true);
        }
    }

    /// The newest message that it has of `room`.
    pub(super) fn position(&self, room: &str) -> Option<(String, u64)> {
        self.journals.get(room).and_then(|journal| journal.position.clone())
    }

    pub(super) fn join(
        &mut self,
        room: &'static str,
        since: Option<(String, u64)>,
        token: Option<&str>,
    ) {
        self.journals.entry(room).or_default().wanted = true;
        let mut request = json!({ "type": "join", "room": room });
        if let Some((epoch, seq)) = &since {
            request["since"] = json!({ "epoch": epoch, "seq": seq });
        }
        if let Some(token) = token {
            request["token"] = token.into();
        }
        self.request(request, Asked::Join { room, since });
    }

    pub(super) fn leave(&mut self, room: &'static str) {
        self.journals.entry(room).or_default().wanted = false;
        self.request(json!({ "type": "leave", "room": room }), Asked::Leave);
    }

    /// A message like no other.
    pub(super) fn write(&mut self, room: &'static str, bytes: usize, keyed: bool) -> Post {
        self.posts += 1;
        let text = format!("{}.{} {}", self.number, self.posts, "x".repeat(bytes));
        // The same as other users have, but like no other of this user.
        let key = keyed.then(|| format!("{}.{}", self.number / super::USERS, self.posts));
        Post { room, text, key }
    }

    /// Publishes a message that nobody remembers.
    pub(super) fn emit(&mut self, room: &'static str, bytes: usize, record: &mut Record) {
        let post = self.write(room, bytes, false);
        record.publish(&self.user, &post, false);
        let mut request = request_of(&post);
        request["ephemeral"] = true.into();
        self.request(request, Asked::Emit);
    }

    pub(super) fn look_back(&mut self, room: &'static str, before: Option<u64>, limit: u64) {
        let mut request = json!({ "type": "history", "room": room, "limit": limit });
        if let Some(before) = before {
            request["before"] = before.into();
        }
        self.request(request, Asked::History { room, before, limit });
    }

    /// `acknowledged`: it asks for an answer.
    pub(super) fn publish(&mut self, post: Post, acknowledged: bool, record: &mut Record) {
        record.publish(&self.user, &post, false);
        self.send_post(post, acknowledged);
    }

    fn send_post(&mut self, post: Post, acknowledged: bool) {
        if post.key.is_some() {
            self.unsettled.push(post.clone());
        }
        if acknowledged {
            self.request(request_of(&post), Asked::Publish(post));
        } else {
            self.line.iter_mut().for_each(|line| line.shouted = true);
            self.send(&request_of(&post));
        }
    }

    pub(super) fn refresh(&mut self, token: &str) {
        self.send(&json!({ "type": "auth", "payload": token }));
    }

    fn request(&mut self, request: Value, asked: Asked) {
        self.requests += 1;
        let id = format!("{}", self.requests);
        let Some(line) = &mut self.line else { return };
        line.asked.insert(id.clone(), asked);
        self.send(&with_id(request, &id));
    }

    fn send(&mut self, request: &Value) {
        if let Some(line) = &mut self.line {
            line.outgoing.extend(text(request));
        }
    }

    /// Goes within a frame: the last one that it sends is not whole.
    pub(super) fn vanish_within(&mut self, post: &Post, at: usize, record: &mut Record) {
        record.publish(&self.user, post, true);
        let Some(line) = &mut self.line else { return };
        let frame = text(&request_of(post));
        // Behind whole frames, or not at all.
        if line.outgoing.is_empty() {
            let _ = line.peer.write_now(&frame[..at % frame.len()]);
        }
    }

    /// The connection is over; what it read was queued for it in this order.
    pub(super) fn hang_up(&mut self, house: &House) {
        self.compare(house, false);
        self.line = None;
    }

    pub(super) fn compare(&self, house: &House, all: bool) {
        let Some(line) = &self.line else { return };
        let Some(who) = line.who else { return };
        let replay = house.replay.borrow();
        let queued = replay.queued.get(&who).map_or(&[][..], Vec::as_slice);
        let queued = queued.iter().map(|(room, seq)| (room.as_str(), *seq));
        let heard = line.heard.iter().map(|(room, seq)| (room.as_str(), *seq));
        let count = if all { queued.len() } else { line.heard.len() };
        assert!(heard.eq(queued.take(count)), "{who:?} heard what was not queued");
    }

    /// Time passes until it reads again: who found the wire full may have to hear a Ping too late.
    pub(super) fn wait(&mut self, wire_bytes: usize) {
        if let Some(line) = &mut self.line {
            line.lagged |= line.taken >= wire_bytes;
        }
    }

    /// Writes and reads what goes now.
    pub(super) fn pump(&mut self, house: &House, record: &mut Record) {
        let Some(line) = &mut self.line else { return };
        let written = line.peer.write_now(&line.outgoing);
        line.outgoing.drain(..*written.as_ref().unwrap_or(&0));
        let open = written.is_ok() & self.read(house, record);
        if !open {
            self.hang_up(house);
        }
    }

    fn read(&mut self, house: &House, record: &mut Record) -> bool {
        let Some(line) = &mut self.line else { return false };
        line.lagged |= line.reading != Reading::Eager;
        let (most, times) = match line.reading {
            Reading::Not => return true,
            Reading::Slow(bytes) => (bytes, 1),
            Reading::Eager => (4_096, 3),
        };
        let before = line.peer.unheard();
        let open = (0..times).all(|_| line.peer.take_now(most));
        line.taken = line.peer.unheard() - before;
        while let Some(heard) = self.line.as_mut().and_then(|line| line.peer.parse()) {
            match heard {
                Heard::Text(text) => self.judge(&text, house, record),
                Heard::Ping => {
                    let line = self.line.as_mut().expect("it is heard on");
                    line.outgoing.extend(super::PONG);
                }
                Heard::Pong(_) | Heard::Fin | Heard::Reset => {}
                Heard::Close(code, reason) => {
                    self.judge_close(code, &reason, house);
                    return false;
                }
            }
        }
        open
    }

    fn judge(&mut self, text: &Value, house: &House, record: &mut Record) {
        let line = self.line.as_mut().expect("it is heard on");
        super::say(format_args!("    {} hears {:.160}", self.number, text.to_string()));
        match text["type"].as_str().expect("a type") {
            "auth_ok" => {
                line.ready = true;
                let id = text["connection"].as_str().expect("an id");
                line.who = line.who.or_else(|| house.who(id));
            }
            "message" if text["seq"].is_null() => self.hear_in_passing(text, record),
            "message" => self.hear(text, record),
            "history" => self.look_at(text, record),
            "joined" => self.joined(text),
            "left" => {
                let room = text["room"].as_str().expect("a room");
                let journal = self.journals.get_mut(room).expect("a room that it was in");
                journal.inside = false;
                if let Some(id) = text["id"].as_str() {
                    assert!(matches!(line.asked.remove(id), Some(Asked::Leave)), "{text}");
                }
            }
            "ack" => {
                let asked = text["id"].as_str().and_then(|id| line.asked.remove(id));
                match asked {
                    Some(Asked::Publish(post)) => {
                        self.unsettled.retain(|other| other.text != post.text);
                        record.acknowledge(&post, text);
                    }
                    Some(Asked::Emit) => assert!(text["seq"].is_null(), "{text}"),
                    other => panic!("{text} for {other:?}"),
                }
            }
            "error" => self.refused(text),
            "ping" => {}
            other => panic!("{other}"),
        }
    }

    fn hear(&mut self, text: &Value, record: &mut Record) {
        let line = self.line.as_mut().expect("it is heard on");
        let room = text["room"].as_str().expect("a room");
        let seq = text["seq"].as_u64().expect("a number");
        line.heard.push((room.to_owned(), seq));
        let journal = self.journals.get_mut(room).expect("a room that it was in");
        assert!(journal.inside, "{} is outside: {text}", self.user);
        let (epoch, position) = journal.position.as_mut().expect("inside it has one");
        assert_eq!(seq, *position + 1, "{}: {text}", self.user);
        *position = seq;
        record.hear(&self.user, epoch, text);
    }

    /// Nobody remembers it, and it comes once, in the order of its author.
    fn hear_in_passing(&mut self, text: &Value, record: &mut Record) {
        let line = self.line.as_mut().expect("it is heard on");
        let room = text["room"].as_str().expect("a room");
        assert!(self.journals[room].inside, "{} is outside: {text}", self.user);
        let (author, number) = record.hear_in_passing(text);
        let last = line.told.insert((room.to_owned(), author), number);
        assert!(last.is_none_or(|last| last < number), "{last:?} was before: {text}");
    }

    /// A page is a part of the room's order without a gap.
    fn look_at(&mut self, text: &Value, record: &mut Record) {
        let line = self.line.as_mut().expect("it is heard on");
        let asked = text["id"].as_str().and_then(|id| line.asked.remove(id));
        let Some(Asked::History { room, before, limit }) = asked else { panic!("{text}") };
        let epoch = text["epoch"].as_str().expect("an epoch");
        let messages = text["messages"].as_array().expect("messages");
        assert!(messages.len() as u64 <= limit, "{text}");
        for pair in messages.windows(2) {
            assert_eq!(seq_of(&pair[0]) + 1, seq_of(&pair[1]), "{text}");
        }
        messages.iter().for_each(|message| record.hear(&self.user, epoch, message));
        let Some(last) = messages.last().map(seq_of) else { return };
        record.pages += 1;
        assert!(before.is_none_or(|before| last < before), "{text}");
        if let Some((own, position)) = &self.journals[room].position
            && own == epoch
            && before.is_none()
        {
            assert!(last >= *position, "{} has {position}: {text}", self.user);
        }
    }

    fn joined(&mut self, text: &Value) {
        let line = self.line.as_mut().expect("it is heard on");
        let asked = text["id"].as_str().and_then(|id| line.asked.remove(id));
        let Some(Asked::Join { room, since }) = asked else { panic!("{text}") };
        assert_eq!(text["room"], room);
        let now = (text["epoch"].as_str().expect("an epoch").to_owned(), seq_of(text));
        let journal = self.journals.get_mut(room).expect("it asked");
        let recovered = text["recovered"].as_bool();
        assert_eq!(recovered.is_none(), since.is_none(), "{text}");
        if journal.inside {
            // Nothing is replayed to somebody who is inside.
            assert_eq!(recovered.unwrap_or(true), since.is_none_or(|since| since == now), "{text}");
            return;
        }
        journal.inside = true;
        journal.position = Some(match since.filter(|_| recovered == Some(true)) {
            Some((epoch, seq)) => {
                assert!(epoch == now.0 && seq <= now.1, "{text}");
                (epoch, seq)
            }
            None => now,
        });
    }

    fn refused(&mut self, text: &Value) {
        let line = self.line.as_mut().expect("it is heard on");
        let code = text["code"].as_str().expect("a code");
        if text["fatal"] == true {
            line.fatal = Some(code.to_owned());
            return;
        }
        let expected = [
            "not_joined",
            "forbidden",
            "internal",
            "refresh_in_progress",
            "overloaded",
            // Of a room that waits: the join takes effect behind the end of its token.
            "token_expired",
        ];
        assert!(expected.contains(&code), "{text}");
        match text["id"].as_str().and_then(|id| line.asked.remove(id)) {
            Some(Asked::Publish(post)) => {
                self.unsettled.retain(|other| other.text != post.text);
            }
            Some(Asked::Join { .. } | Asked::Emit | Asked::History { .. }) | None => {}
            Some(Asked::Leave) => panic!("a leave is always answered: {text}"),
        }
    }

    fn judge_close(&self, code: Option<u16>, reason: &str, house: &House) {
        let line = self.line.as_ref().expect("it is heard on");
        match code {
            // Its own, or silence: who does not read sends no Pong.
            Some(1000) => {}
            // Or its Pong came behind all that it had to say.
            Some(4421) => assert!(line.lagged || line.shouted, "{} was there", self.user),
            Some(4420) => {
                let lost = line.who.is_some_and(|who| house.replay.borrow().lost.contains(&who));
                assert!(lost || line.lagged || line.shouted, "{} kept up", self.user);
            }
            other => panic!("{}: {other:?} {reason}, {:?}", self.user, line.fatal),
        }
    }

    /// Everything is quiet: it has everything of the rooms that it is in.
    pub(super) fn check(&self, heads: &BTreeMap<&'static str, (String, u64)>) -> usize {
        let line = self.line.as_ref().expect("it came back");
        assert!(line.ready && line.outgoing.is_empty(), "{}", self.user);
        assert!(line.asked.is_empty(), "{} waits for answers: {:?}", self.user, line.asked);
        assert!(self.unsettled.is_empty(), "{}: {:?}", self.user, self.unsettled);
        let inside = self.journals.iter().filter(|(_, journal)| journal.inside);
        inside
            .map(|(room, journal)| {
                assert_eq!(journal.position.as_ref(), heads.get(room), "{} in {room}", self.user);
            })
            .count()
    }
}

fn request_of(post: &Post) -> Value {
    let mut request = json!({ "type": "message", "room": post.room, "payload": post.text });
    if let Some(key) = &post.key {
        request["idempotency_key"] = key.as_str().into();
    }
    request
}

fn seq_of(text: &Value) -> u64 {
    text["seq"].as_u64().expect("a number")
}
