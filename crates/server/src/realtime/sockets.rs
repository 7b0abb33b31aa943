//! Which sockets people have open, and with which session: they end with it.

use std::collections::HashMap;

use model::Id;
use storage::TokenHash;
use tokio_util::sync::CancellationToken;

use super::limits::SOCKETS_PER_USER_MAX;
use super::room_task::SocketId;

/// A socket that is open.
#[derive(Debug)]
struct Open {
    number: SocketId,
    session: TokenHash,
    /// Cancelled when the session has ended.
    ended: CancellationToken,
}

/// The sockets of this process, by whose they are.
#[derive(Debug, Default)]
pub(super) struct Sockets(HashMap<Id, Vec<Open>>);

impl Sockets {
    /// Notes a socket that was opened with this session; false when its user has too many already.
    pub(super) fn open(&mut self, user: &Id, number: SocketId, session: TokenHash, ended: CancellationToken) -> bool {
        let open = self.0.entry(user.clone()).or_default();
        let has_room = open.len() < SOCKETS_PER_USER_MAX;
        if has_room {
            open.push(Open { number, session, ended });
        }
        has_room
    }

    /// Forgets a socket.
    pub(super) fn close(&mut self, user: &Id, number: SocketId) {
        if let Some(open) = self.0.get_mut(user) {
            open.retain(|socket| socket.number != number);
            if open.is_empty() {
                self.0.remove(user);
            }
        }
    }

    /// Ends those of a user's sockets whose session does not hold any more.
    pub(super) fn end(&self, user: &Id, holds: impl Fn(&TokenHash) -> bool) {
        for socket in self.0.get(user).into_iter().flatten().filter(|socket| !holds(&socket.session)) {
            socket.ended.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_ps1_one_person_has_so_many_sockets_and_they_end_with_their_session() {
        let mut sockets = Sockets::default();
        let (ann, bob) = (Id::new("ann").unwrap(), Id::new("bob").unwrap());
        let (here, there) = ([1; 32], [2; 32]);
        let tokens: Vec<CancellationToken> = (0..=SOCKETS_PER_USER_MAX).map(|_| CancellationToken::new()).collect();
        for (number, ended) in (0..).zip(&tokens) {
            let session = if number == 0 { here } else { there };
            let has_room = sockets.open(&ann, number, session, ended.clone());
            assert_eq!(has_room, number < SOCKETS_PER_USER_MAX as u64);
        }
        assert!(sockets.open(&bob, 99, here, CancellationToken::new()), "others have theirs");
        sockets.close(&bob, 2);
        assert!(!sockets.open(&ann, 100, there, CancellationToken::new()), "another's socket makes no room");
        sockets.close(&ann, 2);
        assert!(sockets.open(&ann, 100, there, CancellationToken::new()));
        sockets.end(&bob, |_| false);
        sockets.end(&ann, |session| *session == there);
        let ended: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at].is_cancelled()).collect();
        assert_eq!(ended, [0]);
        (0..=100).for_each(|number| sockets.close(&ann, number));
        sockets.close(&bob, 99);
        assert!(sockets.0.is_empty(), "nobody is remembered");
    }
}
