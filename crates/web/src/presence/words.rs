//! What somebody does, in words: for the panel of people, which screen readers read.

use model::{Id, MetreMap, Records, Table, Ticks};
use sync::wire::Presence as Doing;

/// "dragging Verse guitar at bar 17"; none for somebody who only has the song open.
pub(crate) fn activity_of(records: &Records, metres: &MetreMap, doing: &Doing) -> Option<String> {
    let name = |table, id: &Id| records.find(table, id).and_then(|record| record.text("name")).map(str::to_owned);
    let bar = |beat: f64| metres.place(Ticks::from_beats(beat).unwrap_or_default()).bar;
    let clips = |ids: &mut dyn Iterator<Item = &Id>| {
        let first = ids.next()?;
        match ids.count() {
            0 => name(Table::Clips, first).or_else(|| Some("a clip".to_owned())),
            more => Some(format!("{} clips", more + 1)),
        }
    };
    if let Some(first) = doing.dragging.first() {
        let what = clips(&mut doing.dragging.iter().map(|dragged| &dragged.clip))?;
        return Some(format!("Dragging {what} at bar {}", bar(first.start)));
    }
    if let Some(held) = doing.held.first() {
        let whose = name(held.target.table, &held.target.id);
        return Some(match (thing_of(held.path.as_str()), whose) {
            (thing, Some(name)) if held.target.table != Table::Projects => format!("Moving {thing} of {name}"),
            (thing, _) => format!("Moving {thing}"),
        });
    }
    if let Some(playhead) = doing.playhead.as_ref().filter(|playhead| playhead.playing) {
        return Some(format!("Playing at bar {}", bar(playhead.beat)));
    }
    if let Some(what) = clips(&mut doing.selection.iter()) {
        return Some(format!("Has selected {what}"));
    }
    let pointer = doing.pointer.as_ref()?;
    let track = pointer.track.as_ref().and_then(|track| name(Table::Tracks, track));
    Some(match track {
        Some(track) => format!("At {track}, bar {}", bar(pointer.beat)),
        None => format!("At bar {}", bar(pointer.beat)),
    })
}

/// What a path leads to.
fn thing_of(path: &str) -> &'static str {
    match path.split('.').next().unwrap_or_default() {
        "volume" => "the fader",
        "masterVolume" => "the master’s fader",
        "pan" => "the pan",
        "gain" => "the gain",
        "sends" => "a send",
        "plugins" => "an effect’s knob",
        "points" => "a point of the automation",
        "fadeIn" | "fadeOut" | "fadeInBefore" | "fadeOutBehind" => "a fade",
        _ => "something",
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, Value, fields};
    use operations::{Operation, build};
    use sync::wire::{Dragged, Held, Playhead, Pointer};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn said(doing: &Doing) -> Option<String> {
        let mut records = Records::new();
        for (table, name) in [(Table::Tracks, "Bass"), (Table::Clips, "Riff")] {
            records.insert(table, Record::new(id(name), 1, fields([("name", Value::text(name))])));
        }
        activity_of(&records, &MetreMap::default(), doing)
    }

    #[test]
    fn what_somebody_does_is_said_the_most_telling_first() {
        let mut doing = Doing::default();
        assert_eq!(said(&doing), None);
        doing.pointer = Some(Pointer { beat: 9.0, track: Some(id("Bass")) });
        assert_eq!(said(&doing).unwrap(), "At Bass, bar 3");
        doing.pointer = Some(Pointer { beat: -4.0, track: Some(id("gone")) });
        assert_eq!(said(&doing).unwrap(), "At bar 1");
        doing.selection = vec![id("Riff")];
        assert_eq!(said(&doing).unwrap(), "Has selected Riff");
        doing.selection = vec![id("Riff"), id("gone")];
        assert_eq!(said(&doing).unwrap(), "Has selected 2 clips");
        doing.playhead = Some(Playhead { beat: 4.0, playing: true });
        assert_eq!(said(&doing).unwrap(), "Playing at bar 2");
        let Operation { target, path, .. } = build::set(Table::Tracks, &id("Bass"), "volume", 0.5);
        doing.held = vec![Held { target, path, value: 0.5 }];
        assert_eq!(said(&doing).unwrap(), "Moving the fader of Bass");
        doing.dragging = vec![Dragged { clip: id("Riff"), track: id("Bass"), start: 64.0 }];
        assert_eq!(said(&doing).unwrap(), "Dragging Riff at bar 17");
    }
}
