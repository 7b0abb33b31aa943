//! The song as a file: made on this device by a worker, or by the server; one at a time.

mod device;
mod server;

use leptos::prelude::*;
use model::Id;
use serde_json::{Map, Value};

use super::Door;
use crate::navigation;
use device::Device;
pub(super) use device::clear;
pub(crate) use server::ServerExport;

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Made by the server, not on this device.
    pub(crate) by_server: bool,
    /// One file for each track, in one archive.
    pub(crate) stems: bool,
    /// The file's name, without what its kind adds.
    pub(crate) name: String,
    /// What the server and the device take alike.
    pub(crate) settings: Map<String, Value>,
}

impl Wanted {
    /// The name that the file gets.
    fn file_name(&self) -> String {
        let kind = self.settings.get("format").and_then(Value::as_str).unwrap_or_default();
        format!("{}.{}", file_name(&self.name), if self.stems { "zip" } else { kind })
    }
}

/// A name as every system takes it.
fn file_name(name: &str) -> String {
    let name = media::file_name(name);
    if name.is_empty() { "Song".to_owned() } else { name }
}

/// What there is to say about a file beside its size.
fn remark(peak_db: Option<f64>, over: f64, gain_db: Option<f64>, has_no_loudness: bool) -> String {
    let mut said = match peak_db {
        None => "It is silent.".to_owned(),
        Some(_) if over > 0.0 => format!("{over:.0} samples are louder than full scale: turn the master down."),
        Some(peak) => format!("Peak {peak:.1} dB."),
    };
    if let Some(gain) = gain_db {
        said += &format!(" Loudness moved by {gain:+.1} dB.");
    }
    if has_no_loudness {
        said += " Too short or too quiet to have a loudness: its level is as it was.";
    }
    said.replace('-', "−")
}

/// A file that was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    pub(crate) name: String,
    /// Where it is to be had.
    pub(crate) address: String,
    pub(crate) bytes: f64,
    /// Its length, where it is known.
    pub(crate) seconds: Option<f64>,
    /// What there is to say about it.
    pub(crate) remark: String,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Nothing is made.
    Idle,
    /// It is being made; from 0 to 1, none while it waits for its turn.
    Running(Option<f64>),
    /// Here it is.
    Done(Made),
    /// Why there is none.
    Failed(String),
}

/// Who is at work.
enum Job {
    Device(#[expect(dead_code, reason = "it lives until it is dropped, and what it made with it")] Device),
    Server(Id),
}

/// The exports of one project. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    door: Door,
    stage: RwSignal<Stage>,
    /// What is being made, in words: the file's name.
    name: RwSignal<String>,
    /// What the server has made of this project for this user and still has.
    earlier: RwSignal<Vec<ServerExport>>,
    job: StoredValue<Option<Job>, LocalStorage>,
    /// Counts what was wanted: an answer that comes when something else is, or nothing, is no answer any more.
    turn: StoredValue<u32>,
}

impl Exports {
    /// Nothing is made. What a closed tab has left on this device goes.
    pub(crate) fn new(door: Door) -> Exports {
        let exports = Exports {
            door,
            stage: RwSignal::new(Stage::Idle),
            name: RwSignal::new(String::new()),
            earlier: RwSignal::new(Vec::new()),
            job: StoredValue::new_local(None),
            turn: StoredValue::new(0),
        };
        device::sweep_soon();
        let stay = move |event: &web_sys::Event| {
            let here = exports.job.try_with_value(|job| matches!(job, Some(Job::Device(_)))) == Some(true);
            if here && matches!(exports.stage.get_untracked(), Stage::Running(_)) {
                event.prevent_default();
            }
        };
        let leaving = window_event_listener(leptos::ev::beforeunload, move |event| stay(&event));
        let following = window_event_listener_untyped(navigation::LEAVING, move |event| stay(&event));
        on_cleanup(move || {
            leaving.remove();
            following.remove();
        });
        exports
    }

    /// How far it is.
    pub(crate) fn stage(self) -> ReadSignal<Stage> {
        self.stage.read_only()
    }

    /// The name of the file that is being made.
    pub(crate) fn name(self) -> ReadSignal<String> {
        self.name.read_only()
    }

    /// What the server still has, the newest first.
    pub(crate) fn earlier(self) -> ReadSignal<Vec<ServerExport>> {
        self.earlier.read_only()
    }

    /// Whether this device can make files.
    pub(crate) fn device_can(self) -> bool {
        device::is_possible()
    }

    /// Begins; what was made before on this device is let go.
    pub(crate) fn begin(self, wanted: Wanted) {
        self.job.set_value(None);
        self.turn.update_value(|turn| *turn += 1);
        self.stage.set(Stage::Running(None));
        self.name.set(wanted.name.clone());
        if wanted.by_server {
            self.ask_server(wanted);
        } else {
            self.make_here(&wanted);
        }
    }

    /// Stops what is being made. What was made stays until the next is begun.
    pub(crate) fn cancel(self) {
        self.turn.update_value(|turn| *turn += 1);
        if matches!(self.stage.get_untracked(), Stage::Running(_))
            && let Some(Job::Server(id)) = self.job.try_update_value(Option::take).flatten()
        {
            self.remove(id);
        }
        self.stage.set(Stage::Idle);
    }

    fn fail(self, reason: impl Into<String>) {
        self.job.set_value(None);
        self.stage.set(Stage::Failed(reason.into()));
    }

    fn make_here(self, wanted: &Wanted) {
        let heard = move |told: device::Told| {
            // The studio may have been left.
            let Some(Stage::Running(_)) = self.stage.try_get_untracked() else { return };
            match told {
                device::Told::Progress(done) => self.stage.set(Stage::Running(Some(done))),
                device::Told::Done(made) => self.stage.set(Stage::Done(made)),
                device::Told::Failed(reason) => self.fail(reason),
            }
        };
        match Device::begin(self.door, wanted, heard) {
            Ok(device) => self.job.set_value(Some(Job::Device(device))),
            Err(reason) => self.fail(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_that_every_system_takes() {
        let mut settings = Map::new();
        settings.insert("format".to_owned(), "flac".into());
        let named = |name: &str, stems| {
            Wanted { by_server: false, stems, name: name.to_owned(), settings: settings.clone() }.file_name()
        };
        assert_eq!(named(" a/b: c. ", false), "a b  c.flac");
        assert_eq!((named("\n", false), named("Song é", true)), ("Song.flac".to_owned(), "Song é.zip".to_owned()));
    }

    #[test]
    fn what_can_be_heard_of_a_file_is_said() {
        assert_eq!(remark(None, 0.0, None, false), "It is silent.");
        assert_eq!(remark(Some(-0.34), 0.0, Some(3.0), false), "Peak −0.3 dB. Loudness moved by +3.0 dB.");
        assert!(remark(Some(-0.34), 0.0, None, true).contains("Too short or too quiet"));
        assert!(remark(Some(2.0), 12.0, None, false).starts_with("12 samples are louder"));
    }
}
