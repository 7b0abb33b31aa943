//! Who does what, for the others (PR1): relayed, never kept.

use model::Id;
use sync::wire::{Presence, PresenceOf, ServerMessage};

use super::{LinkId, Server, Session};
use crate::fault::Fault;

impl Server {
    pub(super) fn present(&mut self, link: LinkId, said: Presence) {
        let Some(Session::Binary { user, open: Some(_), presence, .. }) = self.sessions.get_mut(&link) else { return };
        *presence = Some(said.clone());
        let user = user.clone();
        self.tell_of(link, &user, Some(said));
    }

    /// A session ends, or may not follow any more.
    pub(super) fn goes(&mut self, link: LinkId) {
        let Some(Session::Binary { user, presence, .. }) = self.sessions.get_mut(&link) else { return };
        let user = user.clone();
        if presence.take().is_some() && !self.has(Fault::GoneUnsaid) {
            self.tell_of(link, &user, None);
        }
    }

    fn tell_of(&mut self, link: LinkId, user: &Id, presence: Option<Presence>) {
        let of = PresenceOf { session: u64::from(link), user: user.clone(), presence };
        for (other, channel) in self.open_links().into_iter().filter(|(other, _)| *other != link) {
            self.say(other, &ServerMessage::Presences { channel, presences: vec![of.clone()] });
        }
    }

    pub(super) fn tell_newcomer(&mut self, link: LinkId, channel: u32) {
        let presences = self.presences_beside(link);
        if !presences.is_empty() {
            self.say(link, &ServerMessage::Presences { channel, presences });
        }
    }

    /// What everybody but this connection does.
    pub(crate) fn presences_beside(&self, link: LinkId) -> Vec<PresenceOf> {
        let of = |(other, session): (&LinkId, &Session)| match session {
            Session::Binary { user, presence: Some(presence), .. } if *other != link => {
                Some(PresenceOf { session: u64::from(*other), user: user.clone(), presence: Some(presence.clone()) })
            }
            _ => None,
        };
        self.sessions.iter().filter_map(of).collect()
    }

    fn open_links(&self) -> Vec<(LinkId, u32)> {
        let open = |(link, session): (&LinkId, &Session)| match session {
            Session::Binary { open: Some(channel), .. } => Some((*link, *channel)),
            _ => None,
        };
        self.sessions.iter().filter_map(open).collect()
    }
}
