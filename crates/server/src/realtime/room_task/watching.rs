//! Who wants to know of versions (W3).

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Record, Table};
use operations::{Refusal, Scope};
use sync::Room;
use sync::wire::text::{Notice, Update};

use super::super::outbox::Outbox;
use super::{RoomTask, SocketId, may_read};

/// A socket that wants to know of versions (W3).
pub(super) struct Watcher {
    pub(super) socket: SocketId,
    pub(super) user: Id,
    pub(super) outbox: Outbox,
}

impl RoomTask {
    pub(super) fn tell_watchers(&mut self, old: &Room, changed: &BTreeSet<&Key>) {
        if self.watchers.is_empty() {
            return;
        }
        let mut by_socket: BTreeMap<SocketId, (Outbox, Vec<Update>)> = BTreeMap::new();
        for (key, version) in updates(old, &self.room, changed) {
            for watcher in self.watchers.get(&key).into_iter().flatten() {
                let entry = by_socket.entry(watcher.socket).or_insert_with(|| (watcher.outbox.clone(), Vec::new()));
                entry.1.push(Update { key: key.clone(), version });
            }
        }
        for (outbox, updates) in by_socket.into_values() {
            outbox.notice(&Notice::Updates { updates });
        }
    }

    /// Ends what those listen to who are no fellows of this room's person any more (PS1).
    pub(super) async fn review(&mut self) {
        let Scope::User(own) = self.room.scope().clone() else { return };
        let listening: BTreeSet<Id> = self.watchers.values().flatten().map(|watcher| watcher.user.clone()).collect();
        let fellows = self.database.run(move |store| {
            let mut fellows = BTreeSet::new();
            for user in listening {
                if user == own || store.are_fellows(&own, &user)? {
                    fellows.insert(user);
                }
            }
            Ok(fellows)
        });
        match fellows.await {
            Ok(fellows) => self.end_watching(|watcher| fellows.contains(&watcher.user)),
            Err(error) => tracing::error!(%error, "it could not be seen who may listen"),
        }
    }

    pub(super) fn end_watching(&mut self, stays: impl Fn(&Watcher) -> bool) {
        for (key, watchers) in &mut self.watchers {
            watchers.retain(|watcher| {
                let stays = stays(watcher);
                if !stays {
                    watcher.outbox.notice(&forbidden(key));
                }
                stays
            });
        }
        self.watchers.retain(|_, watchers| !watchers.is_empty());
    }

    pub(super) async fn watch(&mut self, key: String, watcher: Watcher) {
        let may = match self.room.scope() {
            Scope::Project(_) => may_read(&self.room, &watcher.user),
            Scope::User(own) if *own == watcher.user => true,
            // Asked again here: whoever stops being a fellow after this is found by the review that follows (U3).
            Scope::User(own) => {
                let (own, user) = (own.clone(), watcher.user.clone());
                self.database.run(move |store| store.are_fellows(&own, &user)).await.unwrap_or(false)
            }
        };
        if !may {
            watcher.outbox.notice(&forbidden(&key));
            return;
        }
        let updates = vec![Update { version: version(&self.room, &key), key: key.clone() }];
        if watcher.outbox.say(|queue| queue.answer(updates)) {
            let watchers = self.watchers.entry(key).or_default();
            watchers.retain(|other| other.socket != watcher.socket);
            watchers.push(watcher);
        }
    }

    pub(super) fn unwatch(&mut self, socket: SocketId, key: Option<&str>) {
        for (name, watchers) in &mut self.watchers {
            if key.is_none_or(|key| key == name) {
                watchers.retain(|watcher| watcher.socket != socket);
            }
        }
        self.watchers.retain(|_, watchers| !watchers.is_empty());
    }
}

fn forbidden(key: &str) -> Notice {
    Notice::Error { message: format!("{key}: {}", Refusal::FORBIDDEN) }
}

/// The keys of W3 that changed between two states, with their versions.
fn updates(old: &Room, new: &Room, changed: &BTreeSet<&Key>) -> Vec<(String, u64)> {
    let mut lists = BTreeSet::new();
    let mut updates = Vec::new();
    for key in changed {
        let (before, after) = (old.records().get(key), new.records().get(key));
        updates.push((key.to_string(), after.map_or(0, Record::version)));
        if key.table == Table::Tracks
            && let Scope::Project(project) = new.scope()
        {
            lists.insert(format!("project-tracks:{project}"));
        }
        if key.table == Table::Clips {
            let tracks = [before, after].into_iter().flatten().filter_map(|clip| clip.text("trackId"));
            lists.extend(tracks.map(|track| format!("track-clips:{track}")));
        }
    }
    updates.extend(lists.into_iter().map(|list| (list, new.seq())));
    updates
}

/// The current version of a key of W3; 0 for a record that does not exist.
fn version(room: &Room, key: &str) -> u64 {
    match key.split_once(':') {
        Some(("project-tracks" | "track-clips", _)) => room.seq(),
        Some((table, id)) => {
            let key = Table::from_name(table).zip(Id::new(id).ok()).map(|(table, id)| Key::new(table, id));
            key.and_then(|key| room.records().get(&key)).map_or(0, Record::version)
        }
        None => 0,
    }
}
