//! The audio door: what the screens may ask of the sound, and what they hear of it.
//!
//! `worklet` talks to the audio thread, `recordings` brings it the samples of short recordings, `streams` has long ones read ahead, `plans`
//! compiles what it plays.

mod finer;
mod frames;
pub(crate) mod own_flags;
mod plans;
mod recordings;
mod region;
mod streams;
mod trial;
mod worklet;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use model::{Id, Key, Records, Table, Ticks};
use operations::Operation;

use super::clock::{self, Frame};
use super::{Door, backoff, identity};
pub(crate) use finer::EffectId;
pub(crate) use frames::Heard;
use frames::Listener;
use plans::Plans;
pub(crate) use plans::Turned;
use recordings::{Recordings, Wish};
pub(crate) use region::LoopRegion;
use streams::Streams;
pub(crate) use trial::Trial;
use trial::Trials;
pub(crate) use worklet::Obstacle;
use worklet::Worklet;

/// How long playing waits for the recordings that sound at once, before it begins without them; for what is read ahead, since something of it
/// came last (EN37).
const WAIT_MS_MAX: f64 = 3_000.0;
/// Recordings that begin within this many beats must be here before playing begins.
const BEATS_AHEAD: f64 = 8.0;
/// From a change to its plan: a frame while it is heard, longer while nothing plays, when several changes share a plan.
const WAIT_PLAYING: Duration = Duration::from_millis(18);
const WAIT_STOPPED: Duration = Duration::from_millis(150);
/// Tries after the first to bring a recording.
const RETRIES_MAX: u32 = 4;
/// How often it is looked whether the server can be reached again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Whether there can be sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SoundState {
    /// Nobody has asked for sound yet: a browser wants a gesture first.
    Idle,
    /// The audio thread is being started, or recordings are on their way.
    Starting,
    /// It runs.
    Running,
    /// There can be none on this page; why.
    Unavailable(Obstacle),
    /// It failed; why.
    Failed(String),
}

/// The sound of one project. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Sound {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    state: RwSignal<SoundState>,
    playing: RwSignal<bool>,
    region: RwSignal<LoopRegion>,
    metronome: RwSignal<bool>,
    /// Whether Play or a jump waits for what is to be heard.
    waits: RwSignal<bool>,
    /// How often someone asked for sound where there can be none.
    refused: RwSignal<u32>,
    /// Where it stands while it is stopped, or was last told to go: for what is read out.
    cursor: RwSignal<Ticks>,
}

struct Inner {
    door: Door,
    worklet: RefCell<Option<Worklet>>,
    recordings: Recordings,
    /// Made when there is a long recording.
    streams: RefCell<Option<Rc<Streams>>>,
    plans: RefCell<Plans>,
    trials: RefCell<Trials>,
    /// The plan that was sent last.
    latest: RefCell<Vec<u8>>,
    /// Where it stands as last seen, or will start.
    position: Cell<Ticks>,
    /// The loop, as the worker has it.
    region: Cell<LoopRegion>,
    /// Where playing goes as soon as that can be heard.
    jump: Cell<Option<Ticks>>,
    /// Play is about to begin, wherever the song stands then.
    begins: Cell<bool>,
    /// Blocks without all that should have sounded, as of the last time somebody was told.
    starved_told: Cell<u32>,
    listeners: RefCell<Vec<(u32, Listener)>>,
    next_listener: Cell<u32>,
    frame: RefCell<Option<Frame>>,
    /// Until when frames are asked for although nothing plays.
    glow_until: Cell<f64>,
    compile_asked: Cell<bool>,
    lookers: finer::Lookers,
}

impl Inner {
    fn wish(&self, file: &Id) -> Wish {
        let record = |records: &Records| records.find(Table::AudioFiles, file)?.text("playbackKey").map(str::to_owned);
        Wish { file: file.clone(), playback: self.door.read(record), own: self.door.imports().local(file) }
    }

    /// Several tries to bring a recording to the audio thread, or to have it read ahead.
    async fn bring(&self, worklet: &Worklet, number: u32, wish: &Wish, long: bool) -> Result<(), String> {
        let mut done = self.try_to_bring(worklet, number, wish, long).await;
        for attempt in 0..RETRIES_MAX {
            if done.is_ok() {
                break;
            }
            clock::sleep(backoff::wait(attempt + 1, identity::chance())).await;
            done = self.try_to_bring(worklet, number, wish, long).await;
        }
        done
    }

    async fn try_to_bring(&self, worklet: &Worklet, number: u32, wish: &Wish, long: bool) -> Result<(), String> {
        let audio = self.door.audio();
        if long {
            let streams = self.streams(worklet)?;
            let done = streams.open(number, wish, &audio.path()).await;
            // What this browser was given, and is no WAV file, cannot be read from its middle.
            if done.is_ok() || wish.own.is_none() {
                if let Some(hash) = &wish.playback {
                    audio.note_use(hash);
                }
                return done;
            }
        }
        recordings::bring(&self.recordings, worklet, number, wish, &audio).await
    }

    /// What reads ahead, started when it is first wanted.
    fn streams(&self, worklet: &Worklet) -> Result<Rc<Streams>, String> {
        if let Some(streams) = self.streams.borrow().as_ref() {
            return Ok(Rc::clone(streams));
        }
        let streams = Rc::new(Streams::start(worklet)?);
        if !self.latest.borrow().is_empty() {
            streams.plan(&self.latest.borrow());
        }
        streams.set_loop(self.region.get());
        *self.streams.borrow_mut() = Some(Rc::clone(&streams));
        Ok(streams)
    }

    /// Whether what is read ahead is ready at a place, or nothing of it comes any more.
    fn has_read_at(&self, place: Ticks) -> bool {
        self.streams.borrow().as_ref().is_none_or(|streams| {
            let gives_up = |came: f64| clock::milliseconds() - came > WAIT_MS_MAX;
            streams.is_ready_at(place) || streams.came().is_some_and(gives_up)
        })
    }

    fn has_jumped(&self) {
        self.jump.set(None);
        if let Some(streams) = self.streams.borrow().as_ref() {
            streams.has_jumped();
        }
    }
}

impl Sound {
    /// Silence, until someone asks for more.
    pub(crate) fn new(door: Door) -> Sound {
        // As it was, for who comes back at once.
        let (position, region) = door.inner().stood.get();
        let inner = Inner {
            door,
            worklet: RefCell::default(),
            recordings: Recordings::default(),
            streams: RefCell::default(),
            plans: RefCell::default(),
            trials: RefCell::default(),
            latest: RefCell::default(),
            position: Cell::new(position),
            region: Cell::new(region),
            jump: Cell::default(),
            begins: Cell::default(),
            starved_told: Cell::default(),
            listeners: RefCell::default(),
            next_listener: Cell::default(),
            frame: RefCell::default(),
            glow_until: Cell::default(),
            compile_asked: Cell::default(),
            lookers: finer::Lookers::default(),
        };
        let obstacle = worklet::obstacle();
        let sound = Sound {
            inner: StoredValue::new_local(Rc::new(inner)),
            state: RwSignal::new(obstacle.map_or(SoundState::Idle, SoundState::Unavailable)),
            playing: RwSignal::new(false),
            region: RwSignal::new(region),
            metronome: RwSignal::new(false),
            waits: RwSignal::new(false),
            refused: RwSignal::new(0),
            cursor: RwSignal::new(position),
        };
        *sound.inner().frame.borrow_mut() = Some(Frame::new(move |_| sound.frame()));
        door.listen(move |keys| sound.take_in(keys));
        sound.start_on_first_gesture();
        on_cleanup(move || sound.end());
        sound
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    pub(crate) fn state(self) -> ReadSignal<SoundState> {
        self.state.read_only()
    }

    /// Runs again when sound was asked for where there can be none.
    pub(crate) fn refused(self) -> ReadSignal<u32> {
        self.refused.read_only()
    }

    pub(crate) fn playing(self) -> ReadSignal<bool> {
        self.playing.read_only()
    }

    pub(crate) fn waits(self) -> ReadSignal<bool> {
        self.waits.read_only()
    }

    pub(crate) fn region(self) -> ReadSignal<LoopRegion> {
        self.region.read_only()
    }

    pub(crate) fn metronome(self) -> ReadSignal<bool> {
        self.metronome.read_only()
    }

    pub(crate) fn cursor(self) -> ReadSignal<Ticks> {
        self.cursor.read_only()
    }

    /// Where the song stands now.
    pub(crate) fn position(self) -> Ticks {
        self.inner().position.get()
    }

    /// A browser allows sound only after a press of a key or a pointer; the first one starts the thread and the loading, so that
    /// Play is heard at once.
    fn start_on_first_gesture(self) {
        let begin = move || {
            if self.state.try_get_untracked() == Some(SoundState::Idle) {
                self.start();
            }
        };
        let pointer = window_event_listener(leptos::ev::pointerup, move |_| begin());
        let key = window_event_listener(leptos::ev::keydown, move |_| begin());
        on_cleanup(move || {
            pointer.remove();
            key.remove();
        });
    }

    fn start(self) {
        let inner = self.inner();
        let Some(project) = inner.door.project().get_untracked() else { return };
        self.state.set(SoundState::Starting);
        leptos::task::spawn_local(async move {
            match Worklet::start(project.sample_rate, move |message| self.failed(message)).await {
                Ok(worklet) => self.started(worklet),
                Err(message) => self.state.set(SoundState::Failed(message)),
            }
        });
    }

    fn started(self, worklet: Worklet) {
        let Some(inner) = self.inner.try_get_value() else { return worklet.end() };
        let region = self.region.get_untracked();
        worklet.set_loop(region.on.then_some((region.start, region.end)));
        worklet.metronome(self.metronome.get_untracked());
        worklet.seek(inner.position.get());
        if inner.is_measured() {
            inner.ask_for_meters(&worklet, false);
        }
        *inner.worklet.borrow_mut() = Some(worklet);
        self.state.set(SoundState::Running);
        self.compile();
    }

    fn failed(self, message: String) {
        let _ = self.playing.try_set(false);
        let _ = self.state.try_set(SoundState::Failed(message));
    }

    fn end(self) {
        let Some(inner) = self.inner.try_get_value() else { return };
        inner.door.inner().stood.set((inner.position.get(), inner.region.get()));
        inner.streams.borrow_mut().take();
        inner.recordings.start_over();
        inner.jump.set(None);
        inner.starved_told.set(0);
        if let Some(worklet) = inner.worklet.borrow_mut().take() {
            worklet.end();
        }
    }

    /// Whether a change can be heard.
    fn take_in(self, keys: &[Key]) {
        let audible = |key: &Key| !matches!(key.table, Table::Users | Table::ProjectMembers | Table::Versions);
        if keys.iter().any(audible) {
            self.compile_soon();
        }
    }

    /// Compiles once, after the screen has shown what changed; while nothing plays there is no hurry.
    fn compile_soon(self) {
        let Some(inner) = self.inner.try_get_value() else { return };
        if inner.worklet.borrow().is_none() || inner.compile_asked.replace(true) {
            return;
        }
        let wait = if self.playing.get_untracked() { WAIT_PLAYING } else { WAIT_STOPPED };
        clock::after(wait, move || self.compile_if_asked());
    }

    fn compile_if_asked(self) {
        if self.inner.try_get_value().is_some_and(|inner| inner.compile_asked.get()) {
            self.compile();
        }
    }

    /// Compiles what the replica shows, and sends it.
    fn compile(self) {
        let Some(inner) = self.inner.try_get_value() else { return };
        inner.compile_asked.set(false);
        let worklet = inner.worklet.borrow();
        let Some(worklet) = worklet.as_ref() else { return };
        let imports = inner.door.imports();
        let compiled = inner.door.read(|records| {
            let records = inner.trials.borrow().laid_over(imports.with_what_this_browser_has(records));
            inner.plans.borrow_mut().compile(&records, |file| {
                self.want(&inner, worklet, file);
                inner.recordings.number(&file.id)
            })
        });
        match compiled {
            Ok((serial, bytes)) => {
                // Before the audio thread, so that what it will want is on its way.
                if let Some(streams) = inner.streams.borrow().as_ref() {
                    streams.plan(&bytes);
                }
                worklet.plan(serial, &bytes, inner.listens_to());
                *inner.latest.borrow_mut() = bytes;
            }
            Err(message) => inner.door.toasts().error("The song cannot be played as it is", message),
        }
        self.glow();
    }

    /// Has a recording's samples brought to the audio thread, once. What cannot be had without a network comes when there is one.
    fn want(self, inner: &Rc<Inner>, worklet: &Worklet, file: &model::AudioFile) {
        let Some(number) = inner.recordings.ask(&file.id) else { return };
        let (worklet, name) = (worklet.clone(), file.filename.clone());
        let wish = inner.wish(&file.id);
        let frames = wish.own.as_ref().map_or(file.frames.unwrap_or(0), |own| own.frames);
        let channels = wish.own.as_ref().map_or(file.channels.unwrap_or(2), |own| u32::from(own.channels));
        let long = !inner.recordings.takes_whole(frames, channels);
        let inner = Rc::clone(inner);
        leptos::task::spawn_local(async move {
            loop {
                let done = inner.bring(&worklet, number, &wish, long).await;
                inner.recordings.finished(&wish.file);
                let Err(message) = done else { return };
                if worklet.has_ended() {
                    return;
                }
                inner.door.toasts().error(format!("“{name}” cannot be heard"), message);
                if inner.door.status().try_get_untracked().is_none_or(|status| status.live) {
                    return;
                }
                while !inner.door.status().try_get_untracked().is_none_or(|status| status.live) {
                    clock::sleep(LOOK_EVERY).await;
                }
            }
        });
    }

    /// Plays from where it stands.
    pub(crate) fn play(self) {
        if self.playing.get_untracked() {
            return;
        }
        match self.state.get_untracked() {
            // Said again to who has dismissed it: a button that does nothing has to say why.
            SoundState::Unavailable(_) => return self.refused.update(|count| *count += 1),
            SoundState::Failed(_) => {
                self.end();
                self.start();
            }
            SoundState::Idle => self.start(),
            SoundState::Starting | SoundState::Running => {}
        }
        self.playing.set(true);
        self.waits.set(true);
        let inner = self.inner();
        if !inner.begins.replace(true) {
            leptos::task::spawn_local(async move {
                self.play_when_ready().await;
                if let Some(inner) = self.inner.try_get_value() {
                    inner.begins.set(false);
                }
            });
        } else if let Some(worklet) = inner.worklet.borrow().clone() {
            // Who presses Stop and Play in one breath is waited for already, but maybe by a device that was not allowed to run: until it is
            // asked again, that answers nothing.
            leptos::task::spawn_local(async move { worklet.resume().await });
        }
    }

    async fn play_when_ready(self) {
        let since = clock::milliseconds();
        let mut resumed = false;
        loop {
            let Some(inner) = self.inner.try_get_value() else { return };
            if !self.playing.get_untracked() || matches!(self.state.get_untracked(), SoundState::Failed(_)) {
                return;
            }
            let running = inner.worklet.borrow().clone();
            let late = clock::milliseconds() - since > WAIT_MS_MAX;
            if let Some(worklet) = running {
                // An audio thread that rests takes nothing of what is read ahead.
                if !std::mem::replace(&mut resumed, true) {
                    self.compile_if_asked();
                    worklet.resume().await;
                    continue;
                }
                if (late || self.is_ready(&inner)) && inner.has_read_at(inner.position.get()) {
                    self.compile_if_asked();
                    worklet.seek(inner.position.get());
                    inner.measure_from_here(&worklet);
                    worklet.play();
                    self.has_jumped(&inner);
                    return self.refresh();
                }
            }
            clock::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Whether what sounds next is here.
    fn is_ready(self, inner: &Inner) -> bool {
        let from = inner.position.get();
        let to = from + Ticks::from_beats(BEATS_AHEAD).unwrap_or_default();
        inner.door.read(|records| {
            let mut clips =
                records.table(Table::Clips).filter(|clip| !clip.is_deleted()).filter_map(model::Clip::from_record);
            !clips.any(|clip| {
                let sounds = clip.start < to && clip.end() > from;
                sounds && clip.audio_file_id.is_some_and(|file| inner.recordings.is_loading(&file))
            })
        })
    }

    /// Stops; stopped already, goes back to the start.
    pub(crate) fn stop(self) {
        if !self.playing.get_untracked() {
            return self.seek(Ticks(0));
        }
        self.playing.set(false);
        let inner = self.inner();
        let jump = inner.jump.take();
        self.waits.set(false);
        if let Some(worklet) = inner.worklet.borrow().as_ref() {
            worklet.stop();
            jump.into_iter().for_each(|to| worklet.seek(to));
        }
        self.cursor.set(inner.position.get());
        self.glow();
    }

    /// The space bar.
    pub(crate) fn toggle(self) {
        if self.playing.get_untracked() { self.stop() } else { self.play() }
    }

    /// Goes to a place, playing or not.
    pub(crate) fn seek(self, to: Ticks) {
        let to = Ticks(to.0.max(0));
        let inner = self.inner();
        inner.position.set(to);
        self.cursor.set(to);
        // What has not begun yet begins there.
        let jumps = self.playing.get_untracked() && !inner.begins.get();
        if jumps && inner.streams.borrow().is_some() {
            if inner.jump.replace(Some(to)).is_none() {
                self.waits.set(true);
                leptos::task::spawn_local(async move { self.jump_when_ready().await });
            }
        } else if let Some(worklet) = inner.worklet.borrow().as_ref() {
            worklet.seek(to);
        }
        self.refresh();
    }

    fn has_jumped(self, inner: &Inner) {
        inner.has_jumped();
        let _ = self.waits.try_set(false);
    }

    /// What plays goes on until the new place can be heard, as long as there is something of it (EN37).
    async fn jump_when_ready(self) {
        loop {
            let Some(inner) = self.inner.try_get_value() else { return };
            let Some(to) = inner.jump.get() else { return };
            if inner.has_read_at(to) {
                if let Some(worklet) = inner.worklet.borrow().as_ref() {
                    worklet.seek(to);
                    // The audio thread has stopped if it was about to lack something.
                    worklet.play();
                }
                self.has_jumped(&inner);
                return self.refresh();
            }
            clock::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Switches the loop on or off.
    pub(crate) fn toggle_loop(self) {
        let region = self.region.get_untracked();
        self.set_region(LoopRegion { on: !region.on, ..region });
    }

    /// Puts the loop somewhere.
    pub(crate) fn set_region(self, region: LoopRegion) {
        self.region.set(region);
        let inner = self.inner();
        inner.region.set(region);
        if let Some(streams) = inner.streams.borrow().as_ref() {
            streams.set_loop(region);
        }
        if let Some(worklet) = inner.worklet.borrow().as_ref() {
            worklet.set_loop(region.on.then_some((region.start, region.end)));
        }
    }

    /// Switches the metronome on or off.
    pub(crate) fn toggle_metronome(self) {
        let on = !self.metronome.get_untracked();
        self.metronome.set(on);
        if let Some(worklet) = self.inner().worklet.borrow().as_ref() {
            worklet.metronome(on);
        }
    }

    /// A control that is being moved: heard at once, written when it is let go; `None` lets go. Without a track it is the master's.
    pub(crate) fn preview(self, track: Option<&Id>, what: Turned, value: Option<f64>) {
        self.inner().plans.borrow_mut().preview(track, what, value);
        self.compile_soon();
    }

    /// What a hand does to the song's records: heard at once, written when it is let go; nothing lets go.
    pub(crate) fn try_out(self, what: Trial, operations: Vec<Operation>) {
        if self.inner().trials.borrow_mut().set(what, operations) {
            self.compile_soon();
        }
    }
}
