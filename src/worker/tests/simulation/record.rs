//! What was published, and what all clients together know of it.

use serde_json::Value;
use std::collections::HashMap;

/// A message before it has a number; its text is like no other.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) room: &'static str,
    pub(super) text: String,
    pub(super) key: Option<String>,
}

/// A message with its number, as it was first heard or acknowledged.
#[derive(Debug, PartialEq)]
struct Known {
    text: String,
    at_ms: u64,
}

#[derive(Debug)]
struct Origin {
    user: String,
    post: Post,
    /// It was never sent to its end.
    cut: bool,
    /// Room, epoch and number; a message published again may have several.
    places: Vec<(String, u64)>,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(super) struct Record {
    by_place: HashMap<(String, u64), Known>,
    by_text: HashMap<String, Origin>,
    pub(super) heard: usize,
    pub(super) acknowledged: usize,
    pub(super) repeated: usize,
    pub(super) told: usize,
    pub(super) pages: usize,
}

impl Record {
    /// `user` is about to publish `post`.
    pub(super) fn publish(&mut self, user: &str, post: &Post, cut: bool) {
        let (user, places) = (user.to_owned(), Vec::new());
        let origin = Origin { user, post: post.clone(), cut, places };
        assert!(self.by_text.insert(post.text.clone(), origin).is_none(), "a text of its own");
    }

    /// `user` hears `message` of this epoch.
    pub(super) fn hear(&mut self, user: &str, epoch: &str, message: &Value) {
        let text = message["payload"].as_str().expect("a text").to_owned();
        let origin = &self.by_text[&text];
        assert_eq!(message["from"]["user"], *origin.user, "{message}");
        assert_eq!(message["room"], origin.post.room, "{message}");
        let key = origin.post.key.as_deref().filter(|_| origin.user == user);
        assert_eq!(message["idempotency_key"].as_str(), key, "heard by {user}: {message}");
        self.learn(epoch, message, text);
        self.heard += 1;
    }

    /// A message that nobody remembers: its author's connection and number.
    pub(super) fn hear_in_passing(&mut self, message: &Value) -> (String, usize) {
        let text = message["payload"].as_str().expect("a text");
        let origin = &self.by_text[text];
        assert_eq!(message["from"]["user"], *origin.user, "{message}");
        assert_eq!(message["room"], origin.post.room, "{message}");
        assert!(origin.places.is_empty() && !origin.cut, "{message}");
        self.told += 1;
        let (author, rest) = text.split_once('.').expect("a text of ours");
        let number = rest.split(' ').next().expect("a number");
        (author.to_owned(), number.parse().expect("a number"))
    }

    /// An `ack` for `post`.
    pub(super) fn acknowledge(&mut self, post: &Post, ack: &Value) {
        let epoch = ack["epoch"].as_str().expect("an epoch");
        assert_eq!(ack["room"], post.room, "{ack}");
        if ack["duplicate"] == true {
            assert!(post.key.is_some(), "a duplicate without a key: {ack}");
            self.repeated += 1;
        }
        self.learn(epoch, ack, post.text.clone());
        self.acknowledged += 1;
    }

    fn learn(&mut self, epoch: &str, about: &Value, text: String) {
        let seq = about["seq"].as_u64().expect("a number");
        let at_ms = about["at_ms"].as_u64().expect("a time");
        let place = (epoch.to_owned(), seq);
        let origin = self.by_text.get_mut(&text).expect("somebody published it");
        assert!(!origin.cut, "published by half a frame: {about}");
        if !origin.places.contains(&place) {
            // What is forgotten may come in again; whether it was, the model knows.
            let again = !origin.places.is_empty();
            assert!(!again || origin.post.key.is_some(), "twice: {about}, {:?}", origin.places);
            origin.places.push(place.clone());
        }
        let known = Known { text, at_ms };
        match self.by_place.get(&place) {
            Some(before) => assert_eq!(*before, known, "{about}"),
            None => drop(self.by_place.insert(place, known)),
        }
    }
}
