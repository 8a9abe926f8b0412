//! Memberships of one session, as its requests and their outcomes tell, and its rights in them.

use super::{in_flight::Basis, rates::RoomRates};
use crate::protocol::{
    grant::{Permission, Permissions},
    identity::{Login, Pass, Signer},
    room_name::{RoomName, RoomRef},
    room_rules::{Access, RoomRules, RuleNumber},
    time::Wall,
};
/// Where no room token ends.
const NEVER: Wall = Wall::from_ms(u64::MAX);

/// The rooms that a session is in, enters or leaves.
#[derive(Debug)]
pub(super) struct Rooms {
    members: Members,
    /// No room token ends before this.
    next_end: Wall,
    /// How fast the session publishes where a rule says more than its limits do.
    pub(super) rates: RoomRates,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { members: Members::default(), next_end: NEVER, rates: RoomRates::default() }
    }
}

/// Memberships in the order of their names: most sessions have one or a few, and pay for no more.
#[derive(Debug, Default)]
struct Members(Vec<(RoomName, Member)>);

impl Members {
    fn find(&self, room: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.as_str().cmp(room))
    }

    fn entry(&self, room: &str) -> Option<(&RoomName, &Member)> {
        let at = self.find(room).ok()?;
        self.0.get(at).map(|(name, member)| (name, member))
    }

    fn entry_mut(&mut self, room: &str) -> Option<(&RoomName, &mut Member)> {
        let at = self.find(room).ok()?;
        self.0.get_mut(at).map(|(name, member)| (&*name, member))
    }

    fn get(&self, room: &RoomName) -> Option<&Member> {
        self.entry(room.as_str()).map(|(_, member)| member)
    }

    /// The membership of `room`, which begins unless it is there.
    #[expect(clippy::indexing_slicing, reason = "it was found there, or put there")]
    fn open(&mut self, room: RoomRef<'_>) -> (&RoomName, &mut Member) {
        let at = self.find(room.as_str()).unwrap_or_else(|at| {
            self.0.reserve_exact(usize::from(self.0.is_empty()));
            self.0.insert(at, (room.to_name(), Member::default()));
            at
        });
        let (name, member) = &mut self.0[at];
        (name, member)
    }

    fn close(&mut self, room: &str) {
        if let Ok(at) = self.find(room) {
            self.0.remove(at);
        }
    }
}

/// Where one membership stands. Requests of one room take effect in the order sent, so the last
/// one says what is wanted, and the outcomes catch up with it.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// Joins without an outcome.
    joins: u16,
    /// Leaves without an outcome.
    leaves: u16,
    /// The last request was a join: joining or joined.
    wanted: bool,
    /// The last outcome was a join.
    joined: bool,
    /// What rules and login say here.
    standing: Standing,
    /// What a room token adds, boxed because few rooms have one.
    held: Option<Box<Held>>,
}

/// What the rules of the rooms and a login say about a room, without room tokens. It holds until
/// one of them is replaced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// What is allowed.
    pub(super) granted: Permissions,
    /// Which rule counts.
    pub(super) rule: RuleNumber,
}

impl Standing {
    pub(super) fn new(rules: &RoomRules, login: &Login, room: RoomRef<'_>) -> Self {
        let rule = rules.number(room);
        let granted = match rules.numbered(rule).access {
            Access::Open => Permissions::ALL,
            Access::Granted => login.grant.permissions(room),
        };
        Self { granted, rule }
    }
}

const _: () = assert!(size_of::<Member>() <= 16, "a session has one for each of its rooms");

/// A room token in force. The membership rests on it: it ends when this does.
#[derive(Debug)]
pub(super) struct Held {
    allow: Permissions,
    pub(super) ends_at: Wall,
    pub(super) signer: Signer,
    /// A leave behind it is on its way: it holds for the joins before that alone.
    leaving: bool,
}

impl From<&Pass> for Held {
    fn from(pass: &Pass) -> Self {
        Self {
            allow: pass.allow,
            ends_at: pass.expires_at + pass.leeway_ms,
            signer: pass.signer,
            leaving: false,
        }
    }
}

/// A membership that was lost.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) room: RoomName,
    /// Whether it had taken effect; a join on its way is answered when it does.
    pub(super) joined: bool,
    /// Whether the client is told; a `leave` on its way has its own answer.
    pub(super) tell: bool,
}

impl Member {
    /// Which rule counts here.
    pub(super) const fn rule(&self) -> RuleNumber {
        self.standing.rule
    }

    /// Whether a request of now may do this.
    pub(super) fn may(&self, permission: Permission) -> bool {
        let held = self.held.as_ref().filter(|held| !held.leaving);
        let allow = held.map_or(Permissions::NONE, |held| held.allow);
        (self.standing.granted | allow).contains(permission)
    }

    /// Whether what was joined may stay. A room token always allows that.
    fn stays(&self) -> bool {
        self.held.is_some() || self.standing.granted.contains(Permission::Join)
    }
}

impl Rooms {
    /// Rooms that count to the cap: joining and joined.
    pub(super) fn count(&self) -> usize {
        self.members.0.iter().filter(|(_, member)| member.wanted).count()
    }

    /// The membership of `room`, if the session joins it or has joined it.
    pub(super) fn wanted(&self, room: &str) -> Option<(&RoomName, &Member)> {
        self.members.entry(room).filter(|(_, member)| member.wanted)
    }

    /// A join was sent on. Its room token is the newest and counts; without one an older one does.
    pub(super) fn join(
        &mut self,
        room: RoomRef<'_>,
        standing: Standing,
        pass: Option<&Pass>,
    ) -> (RoomName, Basis) {
        let (name, member) = self.members.open(room);
        let name = name.clone();
        member.wanted = true;
        member.joins = member.joins.saturating_add(1);
        member.standing = standing;
        if let Some(pass) = pass {
            let held = Held::from(pass);
            self.next_end = self.next_end.min(held.ends_at);
            member.held = Some(Box::new(held));
        }
        let rests_on_pass = member.held.as_ref().is_some_and(|held| !held.leaving);
        (name, if rests_on_pass { Basis::Pass } else { Basis::Login })
    }

    /// A leave is to be sent on; `None` if there is nothing to leave.
    pub(super) fn leave(&mut self, room: &str) -> Option<RoomName> {
        let (name, member) = self.members.entry_mut(room)?;
        member.wanted = false;
        member.leaves = member.leaves.saturating_add(1);
        if let Some(held) = &mut member.held {
            held.leaving = true;
        }
        Some(name.clone())
    }

    /// Whether a join that took effect in `room` has the right to stay now.
    pub(super) fn stays(&self, room: &RoomName) -> bool {
        self.members.get(room).is_some_and(Member::stays)
    }

    /// Whether the last outcome in `room` was a join.
    pub(super) fn is_joined(&self, room: &RoomName) -> bool {
        self.members.get(room).is_some_and(|member| member.joined)
    }

    /// A join took effect; without the right to `stay` the membership ends with it.
    pub(super) fn joined(&mut self, room: &RoomName, stay: bool) {
        self.settle(room, |member| {
            member.joins = member.joins.saturating_sub(1);
            member.joined = stay;
        });
    }

    /// A join did not take effect: what was before it stays.
    pub(super) fn join_refused(&mut self, room: &RoomName) {
        self.settle(room, |member| member.joins = member.joins.saturating_sub(1));
    }

    /// A leave took effect: the last one takes the room token along.
    pub(super) fn left(&mut self, room: &RoomName) {
        self.settle(room, |member| {
            member.leaves = member.leaves.saturating_sub(1);
            member.joined = false;
            if member.leaves == 0 {
                member.held.take_if(|held| held.leaving);
            }
        });
    }

    /// A newer login is in force, or newer rules, which make of each room what `judge` says: takes out every joined room
    /// without the right to stay. A join on its way is judged again when it took effect.
    pub(super) fn reassess(&mut self, judge: impl Fn(RoomRef<'_>) -> Standing) -> Vec<Lost> {
        let mut lost = Vec::new();
        for (room, member) in &mut self.members.0 {
            member.standing = judge(room.borrowed());
            if member.joined && !member.stays() {
                lost.push(Lost { room: room.clone(), joined: true, tell: member.wanted });
            }
        }
        self.take_out(&lost);
        lost
    }

    /// No room token ends before this.
    pub(super) const fn next_end(&self) -> Wall {
        self.next_end
    }

    /// Ends the room tokens that are `over`, and the memberships that rest on them.
    pub(super) fn end_passes(&mut self, over: impl Fn(&Held) -> bool) -> Vec<Lost> {
        let mut lost = Vec::new();
        self.next_end = NEVER;
        for (room, member) in &mut self.members.0 {
            if let Some(held) = member.held.take_if(|held| over(held)) {
                let tell = member.joined && member.wanted && !held.leaving;
                lost.push(Lost { room: room.clone(), joined: member.joined, tell });
            }
            if let Some(held) = &member.held {
                self.next_end = self.next_end.min(held.ends_at);
            }
        }
        self.take_out(&lost);
        lost
    }

    fn take_out(&mut self, lost: &[Lost]) {
        for Lost { room, .. } in lost {
            self.settle(room, |member| member.joined = false);
        }
    }

    fn settle(&mut self, room: &RoomName, change: impl FnOnce(&mut Member)) {
        let Some((_, member)) = self.members.entry_mut(room.as_str()) else { return };
        change(member);
        if member.joins == 0 && !member.joined {
            member.wanted = false;
            member.held = None;
            if member.leaves == 0 {
                self.members.close(room.as_str());
            }
        }
    }
}
