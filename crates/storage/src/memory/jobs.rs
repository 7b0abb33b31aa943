//! The queue of jobs.

use model::{Id, Timestamp};

use super::{Answer, Content};
use crate::jobs::LOST;
use crate::{Failed, Job, JobState, NewJob};

#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) job: Job,
    pub(super) unique_key: Option<String>,
    pub(super) priority: i64,
    pub(super) lease: Option<Id>,
    pub(super) updated: Timestamp,
}

impl Queued {
    fn release(&mut self, state: JobState, error: Option<String>, now: Timestamp) {
        self.updated = now;
        self.lease = None;
        self.job.leased_until = None;
        self.job.state = state;
        self.job.error = error;
    }
}

impl Content {
    pub(super) fn enqueue(&mut self, new: NewJob) -> bool {
        let same = |queued: &&mut Queued| new.unique_key.is_some() && queued.unique_key == new.unique_key;
        if self.jobs.contains_key(&new.id) {
            return false;
        }
        let known = self.jobs.values_mut().find(same);
        let id = match &known {
            Some(known) if known.job.state != JobState::Dead => return false,
            Some(known) => known.job.id.clone(),
            None => new.id,
        };
        let job = Job {
            id: id.clone(),
            kind: new.kind,
            payload: new.payload,
            state: JobState::Ready,
            attempts: 0,
            attempts_max: new.attempts_max,
            run_after: new.run_after,
            leased_until: None,
            error: None,
        };
        self.jobs.insert(
            id,
            Queued { job, unique_key: new.unique_key, priority: new.priority, lease: None, updated: new.now },
        );
        true
    }

    pub(super) fn release_lost(&mut self, now: Timestamp) {
        for queued in self.jobs.values_mut() {
            if queued.job.state == JobState::Running && queued.job.leased_until.is_some_and(|until| until <= now) {
                let again = queued.job.attempts < queued.job.attempts_max;
                let state = if again { JobState::Ready } else { JobState::Dead };
                queued.release(state, Some(LOST.to_owned()), now);
                queued.job.run_after = now;
            }
        }
    }

    pub(super) fn held(&mut self, job: &Id, lease: &Id) -> Option<&mut Queued> {
        self.jobs
            .get_mut(job)
            .filter(|queued| queued.job.state == JobState::Running && queued.lease.as_ref() == Some(lease))
    }

    pub(super) fn lease_job(
        &mut self,
        kinds: &[&str],
        lease: &Id,
        now: Timestamp,
        lease_ms: i64,
    ) -> Answer<Option<Job>> {
        self.release_lost(now);
        let ripe = |queued: &&mut Queued| {
            let job = &queued.job;
            job.state == JobState::Ready && job.run_after <= now && kinds.contains(&job.kind.as_str())
        };
        let order =
            |queued: &&mut Queued| (std::cmp::Reverse(queued.priority), queued.job.run_after, queued.job.id.clone());
        Ok(self.jobs.values_mut().filter(ripe).min_by_key(order).map(|queued| {
            queued.lease = Some(lease.clone());
            queued.job.state = JobState::Running;
            queued.job.attempts += 1;
            queued.job.leased_until = Some(Timestamp(now.0.saturating_add(lease_ms)));
            queued.job.clone()
        }))
    }

    pub(super) fn heartbeat_job(&mut self, job: &Id, lease: &Id, until: Timestamp) -> Answer<bool> {
        Ok(self.held(job, lease).map(|queued| queued.job.leased_until = Some(until)).is_some())
    }

    pub(super) fn complete_job(&mut self, job: &Id, lease: &Id, now: Timestamp) -> Answer<bool> {
        Ok(self.held(job, lease).map(|queued| queued.release(JobState::Done, None, now)).is_some())
    }

    pub(super) fn fail_job(&mut self, job: &Id, lease: &Id, failed: Failed) -> Answer<Option<JobState>> {
        Ok(self.held(job, lease).map(|queued| {
            let is_left = queued.job.attempts < queued.job.attempts_max || !failed.is_counted;
            let retry_at = failed.retry_at.filter(|_| is_left);
            queued.job.attempts -= u32::from(!failed.is_counted);
            let state = if retry_at.is_some() { JobState::Ready } else { JobState::Dead };
            queued.release(state, Some(failed.error), failed.now);
            queued.job.run_after = retry_at.unwrap_or(failed.now);
            state
        }))
    }

    pub(super) fn withdraw_job(&mut self, unique_key: &str, now: Timestamp) -> bool {
        let waits = |it: &&mut Queued| it.unique_key.as_deref() == Some(unique_key) && it.job.state == JobState::Ready;
        self.jobs.values_mut().find(waits).map(|queued| queued.release(JobState::Done, None, now)).is_some()
    }

    pub(super) fn dead_jobs(&self, limit: u32) -> Answer<Vec<Job>> {
        let mut dead: Vec<&Queued> = self.jobs.values().filter(|queued| queued.job.state == JobState::Dead).collect();
        dead.sort_by_key(|queued| std::cmp::Reverse(queued.updated));
        Ok(dead.into_iter().take(limit as usize).map(|queued| queued.job.clone()).collect())
    }

    pub(super) fn delete_done_jobs(&mut self, before: Timestamp, limit: u32) -> Answer<usize> {
        let old = |queued: &&Queued| queued.job.state == JobState::Done && queued.updated < before;
        let ids: Vec<Id> =
            self.jobs.values().filter(old).take(limit as usize).map(|queued| queued.job.id.clone()).collect();
        self.jobs.retain(|id, _| !ids.contains(id));
        Ok(ids.len())
    }
}
