//! One WebSocket that comes back by itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use sync::wire::{self, ClientMessage, ServerMessage};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use super::{backoff, clock, identity};

/// A silent connection is asked for a sign of life this often.
const PING_EVERY: Duration = Duration::from_secs(15);
/// A connection that has said nothing for this long is dead.
const SILENCE_MS_MAX: f64 = 32_000.0;

/// What happens on a socket.
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A message came.
    Message(ServerMessage),
    /// It is closed; another attempt follows by itself.
    Closed,
}

/// A socket to the server that reconnects with capped backoff and jitter. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Socket(Rc<Inner>);

type Listener<E> = Closure<dyn FnMut(E)>;

struct Inner {
    on_event: Box<dyn Fn(SocketEvent)>,
    has_to_send: Box<dyn Fn() -> bool>,
    current: RefCell<Option<Connection>>,
    /// Attempts since the last connection that worked.
    attempt: Cell<u32>,
    /// Rises with each connection, so that timers of older ones do nothing.
    generation: Cell<u32>,
    last_heard_ms: Cell<f64>,
    online: RefCell<Option<Listener<Event>>>,
    offline: RefCell<Option<Listener<Event>>>,
}

struct Connection {
    socket: WebSocket,
    _open: Listener<Event>,
    _message: Listener<MessageEvent>,
    _close: Listener<CloseEvent>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Closing a socket that is closed already is no fault.
        let _ = self.socket.close();
    }
}

impl Socket {
    /// Connects, and from then on calls `on_event`. `has_to_send` says whether edits wait that a connection is there for.
    pub(crate) fn open(on_event: impl Fn(SocketEvent) + 'static, has_to_send: impl Fn() -> bool + 'static) -> Socket {
        let socket = Socket(Rc::new(Inner {
            on_event: Box::new(on_event),
            has_to_send: Box::new(has_to_send),
            current: RefCell::new(None),
            attempt: Cell::new(0),
            generation: Cell::new(0),
            last_heard_ms: Cell::new(0.0),
            online: RefCell::new(None),
            offline: RefCell::new(None),
        }));
        socket.listen_to_network();
        // Later, so that the caller holds the socket before its first event.
        let first = socket.clone();
        clock::after(Duration::ZERO, move || first.connect());
        socket
    }

    /// Sends, if there is a connection.
    pub(crate) fn send(&self, message: &ClientMessage) {
        if let Some(connection) = self.0.current.borrow().as_ref()
            && connection.socket.ready_state() == WebSocket::OPEN
        {
            // A failed send closes the socket, and the replica sends again after it.
            let _ = connection.socket.send_with_u8_array(&wire::encode(message));
        }
    }

    /// Drops the connection and makes another after a while.
    pub(crate) fn reconnect(&self) {
        let had = self.0.current.take();
        if had.is_some() {
            drop(had);
            (self.0.on_event)(SocketEvent::Closed);
        }
        let wait = backoff::wait(self.0.attempt.get(), identity::chance());
        self.0.attempt.set(self.0.attempt.get().saturating_add(1));
        self.connect_after(wait);
    }

    /// The same without waiting: what was in the way is gone.
    pub(crate) fn reconnect_now(&self) {
        self.0.attempt.set(0);
        self.reconnect();
    }

    /// Closes it for good.
    pub(crate) fn close(&self) {
        self.next_generation();
        drop(self.0.current.take());
        let Some(window) = web_sys::window() else { return };
        for (name, listener) in [("online", self.0.online.take()), ("offline", self.0.offline.take())] {
            if let Some(listener) = listener {
                let _ = window.remove_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            }
        }
    }

    fn connect_after(&self, wait: Duration) {
        let generation = self.next_generation();
        let socket = self.clone();
        clock::after(wait, move || {
            if socket.0.generation.get() == generation {
                socket.connect();
            }
        });
    }

    fn next_generation(&self) -> u32 {
        self.0.generation.set(self.0.generation.get().wrapping_add(1));
        self.0.generation.get()
    }

    fn connect(&self) {
        let generation = self.next_generation();
        let protocols = js_sys::Array::of2(&wire::SUBPROTOCOL_PACKED.into(), &wire::SUBPROTOCOL.into());
        let Ok(raw) = WebSocket::new_with_str_sequence(&address(), &protocols) else {
            return self.reconnect();
        };
        raw.set_binary_type(BinaryType::Arraybuffer);
        let opened = self.clone();
        let open = Closure::new(move |_| opened.opened(generation));
        let heard = self.clone();
        let message = Closure::new(move |event: MessageEvent| heard.heard(&event));
        let closed = self.clone();
        let close = Closure::new(move |_| closed.reconnect());
        raw.set_onopen(Some(open.as_ref().unchecked_ref()));
        raw.set_onmessage(Some(message.as_ref().unchecked_ref()));
        raw.set_onclose(Some(close.as_ref().unchecked_ref()));
        *self.0.current.borrow_mut() = Some(Connection { socket: raw, _open: open, _message: message, _close: close });
    }

    fn opened(&self, generation: u32) {
        self.0.last_heard_ms.set(clock::milliseconds());
        self.send(&ClientMessage::Hello { version: u16::from(wire::VERSION) });
        (self.0.on_event)(SocketEvent::Opened);
        self.watch_silence(generation);
    }

    fn heard(&self, event: &MessageEvent) {
        self.0.last_heard_ms.set(clock::milliseconds());
        let Ok(buffer) = event.data().dyn_into::<js_sys::ArrayBuffer>() else { return };
        let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
        match wire::server_message(&bytes) {
            Ok(message) => {
                if works(&message, (self.0.has_to_send)()) {
                    self.0.attempt.set(0);
                }
                (self.0.on_event)(SocketEvent::Message(message));
            }
            Err(_) => self.reconnect(),
        }
    }

    /// A connection can die without a close: a sleeping laptop, a router that forgot. So it is asked now and then.
    fn watch_silence(&self, generation: u32) {
        let socket = self.clone();
        clock::after(PING_EVERY, move || {
            if socket.0.generation.get() != generation {
                return;
            }
            if clock::milliseconds() - socket.0.last_heard_ms.get() > SILENCE_MS_MAX {
                return socket.reconnect();
            }
            socket.send(&ClientMessage::Ping { nonce: generation });
            socket.watch_silence(generation);
        });
    }

    /// When the network comes back, there is nothing to wait for. When it goes, a connection over it would look alive until it has
    /// been silent for long: it is given up at once, and one that does without the network (to this very machine) is there again soon.
    fn listen_to_network(&self) {
        let Some(window) = web_sys::window() else { return };
        let weak = Rc::downgrade(&self.0);
        let online: Listener<Event> = Closure::new(move |_| {
            if let Some(inner) = weak.upgrade()
                && inner.current.borrow().as_ref().is_none_or(|c| c.socket.ready_state() != WebSocket::OPEN)
            {
                inner.attempt.set(0);
                Socket(Rc::clone(&inner)).connect_after(Duration::ZERO);
            }
        });
        let _ = window.add_event_listener_with_callback("online", online.as_ref().unchecked_ref());
        *self.0.online.borrow_mut() = Some(online);
        let weak = Rc::downgrade(&self.0);
        let offline: Listener<Event> = Closure::new(move |_| {
            if let Some(inner) = weak.upgrade() {
                Socket(inner).reconnect();
            }
        });
        let _ = window.add_event_listener_with_callback("offline", offline.as_ref().unchecked_ref());
        *self.0.offline.borrow_mut() = Some(offline);
    }
}

/// Whether the message shows a connection that is of use: one over which something was committed or, when no edit waits
/// (`has_to_send`), a project came. A server that greets, or takes nothing, each time is met with longer and longer waits (CL3).
fn works(message: &ServerMessage, has_to_send: bool) -> bool {
    match message {
        ServerMessage::Acknowledged { .. } | ServerMessage::Commits { .. } => true,
        ServerMessage::Snapshot { .. } | ServerMessage::Resumed { .. } => !has_to_send,
        _ => false,
    }
}

fn address() -> String {
    let location = web_sys::window().map(|window| window.location());
    let part = |read: fn(&web_sys::Location) -> Result<String, wasm_bindgen::JsValue>| {
        location.as_ref().and_then(|location| read(location).ok()).unwrap_or_default()
    };
    let scheme = if part(web_sys::Location::protocol) == "https:" { "wss" } else { "ws" };
    format!("{scheme}://{}/api/realtime", part(web_sys::Location::host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Id, Timestamp};

    #[test]
    fn ps3_a_greeting_alone_does_not_shorten_the_wait() {
        let id = |text| Id::new(text).unwrap();
        let greeting = ServerMessage::Hello { version: u16::from(wire::VERSION), user: id("u"), now: Timestamp(0) };
        let failed = ServerMessage::Denied { channel: 1, status: 503, message: String::new() };
        assert!(!works(&greeting, false) && !works(&failed, false));
        let done = ServerMessage::Acknowledged { channel: 1, tx_ids: vec![id("t")], seq: 1, time: Timestamp(0) };
        let others_did = ServerMessage::Commits { channel: 1, commits: vec![] };
        assert!(works(&done, true) && works(&others_did, true));
    }

    #[test]
    fn cl3_a_server_that_takes_no_edit_is_met_with_longer_and_longer_waits() {
        let id = |text| Id::new(text).unwrap();
        let resumed = ServerMessage::Resumed { channel: 1, epoch: id("e"), seq: 1 };
        let snapshot = ServerMessage::Snapshot { channel: 1, epoch: id("e"), seq: 1, records: vec![] };
        let refused = ServerMessage::Refused { channel: 1, tx_id: id("t"), status: 503, message: String::new() };
        for message in [&resumed, &snapshot] {
            assert!(works(message, false), "there was nothing more to ask for");
            assert!(!works(message, true), "whether it takes what waits is not known yet");
        }
        assert!(!works(&refused, true) && !works(&refused, false));
    }
}
