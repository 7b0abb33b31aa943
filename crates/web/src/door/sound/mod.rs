//! The audio door: what the screens may ask of the sound, and what they hear of it.

mod region;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use leptos::prelude::*;
use model::{Id, Ticks};

use super::Door;
use super::clock::Frame;
pub(crate) use region::LoopRegion;

/// Whether there can be sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SoundState {
    /// Nobody has asked for sound yet: a browser wants a gesture first.
    Idle,
    /// The audio thread is being started.
    Starting,
    /// It runs.
    Running,
    /// There can be none here; why, and what helps.
    Unavailable(&'static str),
    /// It failed; why.
    Failed(String),
}

/// What the audio thread says, read once per frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) playing: bool,
    /// Where the song stands.
    pub(crate) position: Ticks,
    /// Blocks that came too late.
    pub(crate) underruns: u32,
    /// Peaks of the master, left and right, linear.
    pub(crate) master: [f32; 2],
    /// Peaks of the tracks.
    pub(crate) tracks: HashMap<Id, [f32; 2]>,
}

type Listener = Rc<dyn Fn(&Heard)>;

/// The sound of one project. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Sound {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    state: RwSignal<SoundState>,
    playing: RwSignal<bool>,
    region: RwSignal<LoopRegion>,
    metronome: RwSignal<bool>,
    /// Where it stands while it is stopped, or was last told to go: for what is read out.
    cursor: RwSignal<Ticks>,
}

struct Inner {
    door: Door,
    /// Where it stands, or will start.
    cursor: Cell<Ticks>,
    listeners: RefCell<Vec<(u32, Listener)>>,
    next_listener: Cell<u32>,
    frame: RefCell<Option<Frame>>,
}

impl Sound {
    /// Silence, until someone asks for more.
    pub(crate) fn new(door: Door) -> Sound {
        let inner = Inner {
            door,
            cursor: Cell::default(),
            listeners: RefCell::default(),
            next_listener: Cell::default(),
            frame: RefCell::default(),
        };
        let sound = Sound {
            inner: StoredValue::new_local(Rc::new(inner)),
            state: RwSignal::new(SoundState::Idle),
            playing: RwSignal::new(false),
            region: RwSignal::new(LoopRegion::default()),
            metronome: RwSignal::new(false),
            cursor: RwSignal::new(Ticks(0)),
        };
        *sound.inner().frame.borrow_mut() = Some(Frame::new(move |_| sound.frame()));
        sound
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    pub(crate) fn state(self) -> ReadSignal<SoundState> {
        self.state.read_only()
    }
    pub(crate) fn playing(self) -> ReadSignal<bool> {
        self.playing.read_only()
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
        self.inner().cursor.get()
    }

    /// Calls `listener` in every frame in which something may have moved, until its owner goes.
    pub(crate) fn on_frame(self, listener: impl Fn(&Heard) + 'static) {
        let inner = self.inner();
        let number = inner.next_listener.get();
        inner.next_listener.set(number + 1);
        inner.listeners.borrow_mut().push((number, Rc::new(listener)));
        on_cleanup(move || {
            if let Some(inner) = self.inner.try_get_value() {
                inner.listeners.borrow_mut().retain(|(other, _)| *other != number);
            }
        });
        self.refresh();
    }

    /// Has the listeners called in the next frame.
    pub(crate) fn refresh(self) {
        if let Some(frame) = self.inner().frame.borrow().as_ref() {
            frame.ask();
        }
    }

    fn frame(self) {
        let inner = self.inner();
        let heard = Heard { position: inner.cursor.get(), playing: self.playing.get_untracked(), ..Heard::default() };
        let listeners: Vec<Listener> = inner.listeners.borrow().iter().map(|(_, listener)| Rc::clone(listener)).collect();
        for listener in listeners {
            listener(&heard);
        }
    }

    pub(crate) fn play(self) {}
    pub(crate) fn stop(self) {}
    pub(crate) fn toggle(self) {
        if self.playing.get_untracked() { self.stop() } else { self.play() }
    }
    pub(crate) fn seek(self, to: Ticks) {
        self.inner().cursor.set(Ticks(to.0.max(0)));
        self.refresh();
    }
    pub(crate) fn toggle_loop(self) {
        self.region.update(|region| region.on = !region.on);
    }
    pub(crate) fn set_region(self, region: LoopRegion) {
        self.region.set(region);
    }
    pub(crate) fn toggle_metronome(self) {
        self.metronome.update(|on| *on = !*on);
    }
    /// A fader that is being moved: heard at once, written when it is let go.
    pub(crate) fn preview_volume(self, _track: Option<&Id>, _factor: f64) {}
    pub(crate) fn preview_pan(self, _track: &Id, _pan: f64) {}
}
