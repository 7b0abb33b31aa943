//! Links that let people into a project.

use model::{Id, Timestamp};

use super::{Answer, Content};
use crate::{Invitation, NewInvitation, Redeemed, TokenHash};

impl Content {
    /// A link and its uses as they are now.
    pub(super) fn invitation(&self, token: &TokenHash) -> Option<Invitation> {
        let invitation = self.invitations.get(token)?;
        let uses = self.invitation_uses.keys().filter(|(of, _)| *of == invitation.id).count();
        Some(Invitation { uses: u32::try_from(uses).unwrap_or(u32::MAX), ..invitation.clone() })
    }

    pub(super) fn create_invitation(&mut self, new: NewInvitation) -> Answer<()> {
        let invitation = Invitation {
            id: new.id,
            project: new.project,
            role: new.role,
            uses_max: new.uses_max,
            uses: 0,
            created_by: new.created_by,
            created: new.now,
            expires: new.expires,
            revoked: false,
        };
        self.invitations.insert(new.token_hash, invitation);
        Ok(())
    }

    pub(super) fn invitations_of(&self, project: &Id) -> Answer<Vec<Invitation>> {
        let all = self.invitations.keys().filter_map(|token| self.invitation(token));
        let mut invitations: Vec<Invitation> = all.filter(|invitation| invitation.project == *project).collect();
        invitations.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(invitations)
    }

    pub(super) fn redeem_invitation(&mut self, token: &TokenHash, user: &Id, now: Timestamp) -> Answer<Redeemed> {
        let Some(invitation) = self.invitation(token) else { return Ok(Redeemed::Unknown) };
        let name = (invitation.id.clone(), user.clone());
        let joined = self.invitation_uses.get(&name).copied();
        if joined == Some(true) {
            return Ok(Redeemed::UsedBefore(invitation));
        }
        let others = Invitation { uses: invitation.uses - u32::from(joined.is_some()), ..invitation };
        if let Some(spent) = others.spent(now) {
            return Ok(Redeemed::Spent(spent));
        }
        self.invitation_uses.insert(name, false);
        Ok(Redeemed::Open(Invitation { uses: others.uses + 1, ..others }))
    }

    pub(super) fn settle_invitation(&mut self, invitation: &Id, user: &Id, joined: bool) -> Answer<()> {
        let name = (invitation.clone(), user.clone());
        match self.invitation_uses.get(&name) {
            Some(_) if joined => drop(self.invitation_uses.insert(name, true)),
            Some(false) => drop(self.invitation_uses.remove(&name)),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn revoke_invitation(&mut self, project: &Id, invitation: &Id, _now: Timestamp) -> Answer<bool> {
        let theirs = |it: &&mut Invitation| it.project == *project && it.id == *invitation && !it.revoked;
        Ok(self.invitations.values_mut().find(theirs).map(|invitation| invitation.revoked = true).is_some())
    }

    pub(super) fn forget_invitations(&mut self, project: &Id, expired_by: Timestamp) -> Answer<usize> {
        let before = self.invitations.len();
        self.invitations.retain(|_, it| it.project != *project || it.expires > expired_by);
        let Content { invitations, invitation_uses, .. } = self;
        let known: std::collections::BTreeSet<Id> =
            invitations.values().map(|invitation| invitation.id.clone()).collect();
        invitation_uses.retain(|(invitation, _), _| known.contains(invitation));
        Ok(before - self.invitations.len())
    }
}
