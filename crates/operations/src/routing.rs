//! Where tracks go: outputs, sends and sidechains lead to tracks that can take them, and never in a circle (EN31).

use std::collections::HashMap;

use model::{Id, Plugin, Record, Records, Send, Table};

use crate::{Path, Refusal};

/// Checks where a track goes and what it listens to, when an operation at `path` may have changed that.
///
/// Deleted tracks count as if they were there, so that bringing one back never closes a circle.
pub(crate) fn check(records: &Records, track: &Record, path: &Path) -> Result<(), Refusal> {
    let segments = path.segments();
    let concerns = match segments.first() {
        None => true,
        Some(&"output") => true,
        Some(&"sends") => segments.len() < 3 || segments[2] == "target",
        Some(&"plugins") => segments.len() < 3 || segments[2] == "sidechain",
        Some(_) => false,
    };
    if !concerns {
        return Ok(());
    }
    let sidechains = || Plugin::all(track).into_iter().filter_map(|plugin| plugin.sidechain);
    if targets(track).next().is_none() && sidechains().next().is_none() {
        return Ok(());
    }
    for target in targets(track) {
        let found = records.find(Table::Tracks, &target).ok_or_else(|| nowhere(&target))?;
        if !matches!(found.text("type"), Some("bus" | "group")) {
            return Err(Refusal::invalid(format!("{target}: only a bus or a group takes the sound of other tracks")));
        }
    }
    sidechains()
        .try_for_each(|source| records.find(Table::Tracks, &source).map(drop).ok_or_else(|| nowhere(&source)))?;
    let after = listeners(records);
    if reaches(&after, track.id()) {
        return Err(Refusal::invalid("the sound of a track must not come back to it: this would close a circle"));
    }
    Ok(())
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
