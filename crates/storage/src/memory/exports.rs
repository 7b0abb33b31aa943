//! Exports.

use model::{Id, Timestamp};

use super::Content;
use crate::{Export, ExportBytes, ExportFile, ExportPlaces, ExportState, NewExport, NewJob, Queued};

/// An export's place in the order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    start: i64,
    end: i64,
}

impl Content {
    /// When it is this person's turn: not before those that are under way, and when their own last one has ended.
    fn turn_of(&self, user: &Id) -> i64 {
        let known = || self.exports.values().filter_map(|export| Some((export, self.turns.get(&export.id)?)));
        let under_way = known().filter(|(export, _)| export.state.is_under_way()).map(|(_, turn)| turn.start).min();
        let ended = || known().map(|(_, turn)| turn.end).max();
        let own = known().filter(|(export, _)| export.user == *user).map(|(_, turn)| turn.end).max();
        under_way.or_else(ended).max(own).unwrap_or(0)
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
        let start = self.turn_of(&new.user);
        let NewExport { id, project, user, name, settings, stems, seq, weight, now } = new;
        self.turns.insert(id.clone(), Turn { start, end: start.saturating_add(i64::from(weight)) });
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
        self.enqueue(NewJob { priority: start.saturating_neg(), ..job });
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
        let never_begun = export.state == ExportState::Waiting;
        (export.state, export.expires) = (state, Some(expires));
        export.error = error.map(str::to_owned);
        if never_begun {
            self.turns.insert(id.clone(), Turn::default());
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
