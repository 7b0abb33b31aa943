//! Accounts, tickets and sessions.

use model::{Id, Key, Record, Table, Timestamp};
use operations::Scope;

use super::log::Log;
use super::{Answer, Content};
use crate::replay::Row;
use crate::{
    Account, Admission, FORMER_MEMBER, NewSession, NewUser, Purpose, SESSIONS_PER_USER_MAX, Session, TokenHash,
};

impl Content {
    pub(super) fn create_user(&mut self, user: NewUser) -> bool {
        let key = Key::new(Table::Users, user.id.clone());
        let taken = self.table(Table::Users).any(|known| known.text("email") == Some(&user.email));
        if taken || self.rows.contains_key(&key) {
            return false;
        }
        self.rows.insert(key, Row { table: Table::Users, record: user.first_record(), seq: 0 });
        let log = Log::new(user.id.clone());
        self.logs.insert(Scope::User(user.id.clone()), log);
        let account = Account { user: user.id.clone(), password_hash: user.password_hash, demo: user.demo };
        self.accounts.insert(user.id, account);
        true
    }

    pub(super) fn ticket(&self, token: &TokenHash, purpose: Purpose, now: Timestamp) -> Option<Option<Id>> {
        let ticket = self.tickets.get(token).filter(|it| it.purpose == purpose && it.expires > now);
        ticket.map(|ticket| ticket.user.clone())
    }

    pub(super) fn set_password(&mut self, user: &Id, password_hash: &str, keep: Option<&TokenHash>) -> bool {
        let Some(account) = self.accounts.get_mut(user) else { return false };
        password_hash.clone_into(&mut account.password_hash);
        self.delete_sessions_of(user, keep);
        self.tickets.retain(|_, ticket| ticket.user.as_ref() != Some(user));
        true
    }

    pub(super) fn session(&self, session: &NewSession) -> Session {
        Session {
            user: session.user.clone(),
            demo: self.accounts.get(&session.user).is_some_and(|account| account.demo),
            device: session.device.clone(),
            created: session.now,
            last_seen: self.last_seen.get(&session.token_hash).copied().unwrap_or(session.now),
            expires: session.expires,
        }
    }

    /// A user's sessions, ended or not, the last used first.
    pub(super) fn sessions_of(&self, user: &Id) -> Vec<(TokenHash, Session)> {
        let own = self.sessions.values().filter(|session| session.user == *user);
        let mut own: Vec<_> = own.map(|session| (session.token_hash, self.session(session))).collect();
        own.sort_by_key(|(token, session)| std::cmp::Reverse((session.last_seen, *token)));
        own
    }

    pub(super) fn delete_session(&mut self, token: &TokenHash) -> bool {
        self.last_seen.remove(token);
        self.sessions.remove(token).is_some()
    }

    pub(super) fn delete_sessions_of(&mut self, user: &Id, keep: Option<&TokenHash>) -> usize {
        let own = self.sessions_of(user);
        own.iter().filter(|(token, _)| keep != Some(token)).filter(|(token, _)| self.delete_session(token)).count()
    }

    pub(super) fn admit_user(&mut self, user: NewUser, ticket: &TokenHash) -> Answer<Admission> {
        let link = match self.ticket(ticket, Purpose::SignUp, user.now) {
            Some(_) => None,
            None => match self.invitation(ticket) {
                Some(link) if link.spent(user.now).is_none() => Some((link.id, user.id.clone())),
                _ => return Ok(Admission::NoTicket),
            },
        };
        if !self.create_user(user) {
            return Ok(Admission::Taken);
        }
        match link {
            Some(name) => drop(self.invitation_uses.insert(name, false)),
            None => drop(self.tickets.remove(ticket)),
        }
        Ok(Admission::Admitted)
    }

    pub(super) fn account(&self, email: &str) -> Answer<Option<Account>> {
        let user = self.table(Table::Users).find(|user| user.text("email") == Some(email));
        Ok(user.and_then(|user| self.accounts.get(user.id())).cloned())
    }

    pub(super) fn delete_account(&mut self, user: &Id, epoch: &Id, now: Timestamp) -> Answer<bool> {
        if self.accounts.remove(user).is_none() {
            return Ok(false);
        }
        self.delete_sessions_of(user, None);
        self.tickets.retain(|_, ticket| ticket.user.as_ref() != Some(user));
        self.turns.remove(user);
        if let Some(row) = self.rows.get_mut(&Key::new(Table::Users, user.clone())) {
            let mut fields = row.record.without("email").fields().clone();
            fields.insert("name".into(), model::Value::text(FORMER_MEMBER));
            fields.insert("updatedAt".into(), model::Value::text(&now.to_string()));
            row.record = Record::new(user.clone(), row.record.version() + 1, fields);
            row.seq = 0;
        }
        let scope = Scope::User(user.clone());
        self.written.retain(|_, at| at.scope != scope);
        self.logs.insert(scope, Log::new(epoch.clone()));
        Ok(true)
    }

    pub(super) fn reset_password(
        &mut self,
        ticket: &TokenHash,
        password_hash: &str,
        now: Timestamp,
    ) -> Answer<Option<Id>> {
        let user = self.ticket(ticket, Purpose::ResetPassword, now).flatten();
        Ok(user.filter(|user| self.set_password(user, password_hash, None)))
    }

    pub(super) fn create_session(&mut self, session: NewSession) -> Answer<()> {
        let user = session.user.clone();
        self.last_seen.insert(session.token_hash, session.now);
        self.sessions.insert(session.token_hash, session);
        for (token, _) in self.sessions_of(&user).iter().skip(SESSIONS_PER_USER_MAX) {
            self.delete_session(token);
        }
        Ok(())
    }

    pub(super) fn live_session(&self, token: &TokenHash, now: Timestamp) -> Answer<Option<Session>> {
        Ok(self.sessions.get(token).filter(|session| session.expires > now).map(|session| self.session(session)))
    }

    pub(super) fn live_sessions_of(&self, user: &Id, now: Timestamp) -> Answer<Vec<(TokenHash, Session)>> {
        let mut sessions = self.sessions_of(user);
        sessions.retain(|(_, session)| session.expires > now);
        Ok(sessions)
    }

    pub(super) fn touch_session(&mut self, token: &TokenHash, now: Timestamp, expires: Timestamp) -> Answer<()> {
        if let Some(session) = self.sessions.get_mut(token).filter(|session| session.expires > now) {
            session.expires = expires;
            self.last_seen.insert(*token, now);
        }
        Ok(())
    }

    pub(super) fn delete_expired(&mut self, now: Timestamp) -> Answer<usize> {
        let before = self.sessions.len() + self.tickets.len();
        self.sessions.retain(|_, session| session.expires > now);
        self.tickets.retain(|_, ticket| ticket.expires > now);
        let Content { sessions, last_seen, tickets, .. } = self;
        last_seen.retain(|token, _| sessions.contains_key(token));
        Ok(before - sessions.len() - tickets.len())
    }
}
