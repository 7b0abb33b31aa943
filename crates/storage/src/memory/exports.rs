//! Exports.

use model::{Id, Timestamp};

use super::Content;
use crate::turns::{Turn, Turns};
use crate::{Export, ExportBytes, ExportFile, ExportPlaces, ExportState, JobState, NewExport, NewJob, Queued};

/// An export's place in the order, and its job.
#[derive(Clone, Debug)]
pub(super) struct Place {
    turn: Turn,
    job: Id,
}

impl Content {
    /// The round that is under way; when nothing is, the next one.
    fn current_round(&self) -> i64 {
        let under_way = self.exports.values().filter(|export| export.state.is_under_way());
        let under_way = under_way.filter_map(|export| Some(self.places.get(&export.id)?.turn.round)).min();
        let next = || self.turns.values().map(|turns| turns.round + 1).max();
        under_way.or_else(next).unwrap_or(0)
    }

    /// A person's exports that wait, in order.
    fn waiting_of(&self, user: &Id) -> Vec<(Id, Turn)> {
        let waits = |export: &&Export| export.user == *user && export.state == ExportState::Waiting;
        let waiting = self.exports.values().filter(waits);
        let mut waiting: Vec<(Id, Turn)> =
            waiting.filter_map(|export| Some((export.id.clone(), self.places.get(&export.id)?.turn))).collect();
        waiting.sort_by_key(|(_, turn)| turn.round);
        waiting
    }

    /// Moves a person's later exports up: one of this round, which waited, is over.
    fn give_back(&mut self, user: &Id, round: i64) {
        let mut waiting = self.waiting_of(user);
        let Some(turns) = self.turns.get_mut(user) else { return };
        let priorities = turns.give_back(round, waiting.iter_mut().map(|(_, turn)| turn));
        for ((id, turn), priority) in waiting.into_iter().zip(priorities) {
            let (Some(priority), Some(place)) = (priority, self.places.get_mut(&id)) else { continue };
            place.turn = turn;
            if let Some(queued) = self.jobs.get_mut(&place.job).filter(|queued| queued.job.state == JobState::Ready) {
                queued.priority = priority;
            }
        }
    }

    pub(super) fn forget_export(&mut self, id: &Id) -> bool {
        if self.exports.get(id).is_none_or(|export| export.expires.is_none()) {
            return false;
        }
        self.exports.remove(id);
        if let Some(Place { job, .. }) = self.places.remove(id)
            && self.jobs.get(&job).is_some_and(|queued| queued.job.state != JobState::Dead)
        {
            // Nobody asks any more how it went; a worker that still has it finds its lease gone.
            self.jobs.remove(&job);
        }
        true
    }

    pub(super) fn create_export(&mut self, new: NewExport, job: NewJob, places: ExportPlaces) -> Queued {
        let under_way: Vec<&Export> = self.exports.values().filter(|export| export.state.is_under_way()).collect();
        let own = |export: &&&Export| export.user == new.user;
        let known = self.exports.values().filter(|export| export.user == new.user).count() as u64;
        if under_way.iter().filter(own).count() as u64 >= places.of_user || known >= places.known_of_user {
            return Queued::UserFull;
        }
        if under_way.len() as u64 >= places.of_all {
            return Queued::ServerFull;
        }
        let waiting = self.waiting_of(&new.user);
        let current = self.current_round();
        let turns = self.turns.entry(new.user.clone()).or_insert_with(|| Turns::none(new.now));
        *turns = turns.at(new.now);
        let (round, priority) = turns.take(current, waiting.into_iter().map(|(_, turn)| turn));
        let NewExport { id, project, user, name, settings, stems, seq, weight, now } = new;
        let turn = Turn { round, weight: i64::from(weight), begun: false };
        self.places.insert(id.clone(), Place { turn, job: job.id.clone() });
        let export = Export {
            id: id.clone(),
            project,
            user,
            name,
            settings,
            stems,
            seq,
            state: ExportState::Waiting,
            progress: 0.0,
            error: None,
            file: None,
            created: now,
            expires: None,
        };
        self.exports.insert(id, export);
        self.enqueue(NewJob { priority, ..job });
        Queued::Waiting
    }

    pub(super) fn exports_of(&self, project: &Id, user: &Id, limit: u32) -> Vec<Export> {
        let own = |it: &&Export| it.project == *project && it.user == *user && it.state != ExportState::Removed;
        let mut exports: Vec<Export> = self.exports.values().filter(own).cloned().collect();
        exports.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        exports.truncate(limit as usize);
        exports
    }

    fn export_under_way(&mut self, id: &Id) -> Option<&mut Export> {
        self.exports.get_mut(id).filter(|export| export.state.is_under_way())
    }

    pub(super) fn running_export(&mut self, id: &Id) -> Option<&mut Export> {
        self.exports.get_mut(id).filter(|export| export.state == ExportState::Running)
    }

    pub(super) fn begin_export(&mut self, id: &Id) -> bool {
        let Some(export) = self.export_under_way(id) else { return false };
        (export.state, export.progress) = (ExportState::Running, 0.0);
        let user = export.user.clone();
        if let Some(turn) = self.places.get_mut(id).map(|place| &mut place.turn).filter(|turn| !turn.begun) {
            turn.begun = true;
            if let Some(turns) = self.turns.get_mut(&user) {
                turns.used += turn.weight;
            }
        }
        true
    }

    pub(super) fn put_export_back(&mut self, id: &Id) -> bool {
        let Some(export) = self.running_export(id) else { return false };
        (export.state, export.progress) = (ExportState::Waiting, 0.0);
        true
    }

    pub(super) fn finish_export(&mut self, id: &Id, file: ExportFile, expires: Timestamp) -> bool {
        let Some(export) = self.running_export(id) else {
            if let Some(export) = self.exports.get_mut(id) {
                export.file.get_or_insert(file);
            }
            return false;
        };
        (export.state, export.progress) = (ExportState::Done, 1.0);
        (export.file, export.expires) = (Some(file), Some(expires));
        true
    }

    pub(super) fn end_export(&mut self, id: &Id, state: ExportState, error: Option<&str>, expires: Timestamp) -> bool {
        let Some(export) = self.export_under_way(id) else { return false };
        let (waited, user) = (export.state == ExportState::Waiting, export.user.clone());
        (export.state, export.expires) = (state, Some(expires));
        export.error = error.map(str::to_owned);
        if let Some(turn) = self.places.get(id).map(|place| place.turn).filter(|turn| waited && !turn.begun) {
            self.give_back(&user, turn.round);
        }
        true
    }

    pub(super) fn remove_export(&mut self, id: &Id, now: Timestamp) -> bool {
        let ended = |it: &&mut Export| !it.state.is_under_way() && it.state != ExportState::Removed;
        let Some(export) = self.exports.get_mut(id).filter(ended) else { return false };
        (export.state, export.expires) = (ExportState::Removed, Some(now));
        true
    }

    pub(super) fn exports_ended(&self, by: Timestamp, limit: u32) -> Vec<Export> {
        let ended = |export: &&Export| export.expires.is_some_and(|expires| expires <= by);
        let mut exports: Vec<Export> = self.exports.values().filter(ended).cloned().collect();
        exports.sort_by_key(|export| export.expires);
        exports.truncate(limit as usize);
        exports
    }

    pub(super) fn export_bytes(&self, user: &Id) -> ExportBytes {
        let mut sum = ExportBytes::default();
        for export in self.exports.values() {
            let bytes = export.file.as_ref().map_or(0, |file| file.bytes);
            sum.of_all += bytes;
            sum.of_user += if export.user == *user { bytes } else { 0 };
        }
        sum
    }
}
