//! Where tracks go: outputs, sends and sidechains lead to tracks that can take them, and never in a circle (EN31).

use std::collections::HashMap;

use model::{Id, Key, Plugin, Record, Records, Send, Table};

use crate::{Path, Refusal};

/// Whether an operation at `path` of a track, or of the project for its master, may change where it goes or what it listens to.
pub(crate) fn concerns(path: &Path) -> bool {
    let segments = path.segments();
    match segments.first() {
        None | Some(&"output") => true,
        Some(&"sends") => segments.len() < 3 || segments[2] == "target",
        Some(&"plugins") => segments.len() < 3 || segments[2] == "sidechain",
        Some(_) => false,
    }
}

/// Checks where these tracks go and what they listen to.
///
/// Deleted tracks count as if they were there, so that bringing one back never closes a circle.
pub(crate) fn check(records: &Records, tracks: &[Id]) -> Result<(), Refusal> {
    let mut goes_anywhere = false;
    for track in tracks.iter().filter_map(|id| records.find(Table::Tracks, id)) {
        let about = |refusal: Refusal| refusal.about(&Key::new(Table::Tracks, track.id().clone()));
        for target in targets(track) {
            goes_anywhere = true;
            let found = records.find(Table::Tracks, &target).ok_or_else(|| about(nowhere(&target)))?;
            if !matches!(found.text("type"), Some("bus" | "group")) {
                let reason = format!("{target}: only a bus or a group takes the sound of other tracks");
                return Err(about(Refusal::invalid(reason)));
            }
        }
        for source in Plugin::all(track).into_iter().filter_map(|plugin| plugin.sidechain) {
            goes_anywhere = true;
            records.find(Table::Tracks, &source).ok_or_else(|| about(nowhere(&source)))?;
        }
    }
    if !goes_anywhere {
        return Ok(());
    }
    let after = listeners(records);
    match tracks.iter().find(|track| reaches(&after, track)) {
        None => Ok(()),
        Some(track) => {
            let circle = "the sound of a track must not come back to it: this would close a circle";
            Err(Refusal::invalid(circle).about(&Key::new(Table::Tracks, track.clone())))
        }
    }
}

/// Checks what the master's effects listen to. It leads to no circle: nothing comes after the master.
pub(crate) fn check_master(records: &Records) -> Result<(), Refusal> {
    let Some(project) = records.project() else { return Ok(()) };
    let mut sources = Plugin::all(project).into_iter().filter_map(|plugin| plugin.sidechain);
    match sources.find(|source| records.find(Table::Tracks, source).is_none()) {
        None => Ok(()),
        Some(source) => Err(nowhere(&source).about(&Key::new(Table::Projects, project.id().clone()))),
    }
}

fn nowhere(track: &Id) -> Refusal {
    Refusal::invalid(format!("{track}: there is no such track in this project"))
}

/// Where a track's sound goes, besides the master.
fn targets(track: &Record) -> impl Iterator<Item = Id> {
    track.id_in("output").into_iter().chain(Send::all(track).into_iter().map(|send| send.target))
}

/// For each track, the tracks that hear it.
fn listeners(records: &Records) -> HashMap<Id, Vec<Id>> {
    let mut after: HashMap<Id, Vec<Id>> = HashMap::new();
    for track in records.table(Table::Tracks) {
        after.entry(track.id().clone()).or_default().extend(targets(track));
        for source in Plugin::all(track).into_iter().filter_map(|plugin| plugin.sidechain) {
            after.entry(source).or_default().push(track.id().clone());
        }
    }
    after
}

/// Whether what leaves a track comes back to it.
fn reaches(after: &HashMap<Id, Vec<Id>>, start: &Id) -> bool {
    let next = |id: &Id| after.get(id).map_or(&[][..], Vec::as_slice);
    let mut seen = std::collections::HashSet::new();
    let mut open: Vec<&Id> = next(start).iter().collect();
    while let Some(id) = open.pop() {
        if id == start {
            return true;
        }
        if seen.insert(id) {
            open.extend(next(id));
        }
    }
    false
}
