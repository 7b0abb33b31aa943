//! Projects as they were when they were last followed, and answers of the server: shown before it answers, and without it (CL5).

use std::collections::HashSet;

use js_sys::Array;
use model::{Id, Records};
use operations::Commit;
use wasm_bindgen::JsValue;

use super::database::{self, COMMITS, Failure, META, QUEUE, SNAPSHOTS, STEPS};
use super::rows::{self, Since, Snapshot};
use super::write::{Write, as_text, field, given};
use super::{Store, all_of, bytes_of, results};
use crate::door::{identity, tabs};

/// Bytes of all cached projects together; beyond it those that were opened longest ago go.
const CACHE_BYTES_MAX: f64 = 500.0 * 1024.0 * 1024.0;

/// A project as the log left it at `seq`, and what came after.
pub(crate) struct Cached {
    /// Of which log.
    pub(crate) epoch: Id,
    /// The last commit that the records reflect.
    pub(crate) seq: u64,
    /// All records.
    pub(crate) records: Records,
    /// What followed, in order.
    pub(crate) commits: Vec<Commit>,
    /// Bytes of those.
    pub(crate) commit_bytes: usize,
}

/// What may give way.
struct MayGo {
    /// Projects and their bytes.
    projects: Vec<(String, f64)>,
    /// Bytes of all that is cached, but for the project that was cached last.
    total: f64,
    /// Whether their steps of undo may go, too.
    with_steps: bool,
}

impl Store {
    /// A project as it was last followed here; none when it never was, or in a form that this build cannot read.
    pub(crate) async fn cached(&self, project: &Id) -> Option<Cached> {
        let database = self.0.database.as_ref()?;
        let transaction = database.reading(&[SNAPSHOTS, COMMITS]).ok()?;
        let snapshot = transaction.object_store(SNAPSHOTS).ok()?.get(&JsValue::from_str(project.as_str())).ok()?;
        let since = transaction.object_store(COMMITS).ok()?.get_all_with_key(&all_of(project)?).ok()?;
        database::complete(&transaction).await.ok()?;
        let (epoch, seq, records) = rows::decode_snapshot(&bytes_of(&given(&snapshot)?))?;
        let mut cached = Cached { epoch, seq, records, commits: Vec::new(), commit_bytes: 0 };
        for row in results(&since).iter() {
            let bytes = bytes_of(&row);
            if let Some(since) = rows::decode::<Since>(&bytes).filter(|since| since.epoch == cached.epoch) {
                cached.commit_bytes += bytes.len();
                cached.commits.extend(since.commits);
            }
        }
        Some(cached)
    }

    /// Caches a project as a whole.
    pub(crate) fn cache(&self, project: &Id, epoch: &Id, seq: u64, records: &Records) {
        let records = records.iter().map(|(key, record)| (key.table, record.clone())).collect();
        let bytes = rows::encode(&Snapshot { epoch: epoch.clone(), seq, records });
        #[expect(clippy::cast_precision_loss, reason = "bytes of a project")]
        self.note_opened(project, bytes.len() as f64);
        self.add(Write::Snapshot { project: project.clone(), bytes }, false);
    }

    fn note_opened(&self, project: &Id, bytes: f64) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
        let opened = identity::now().0 as f64;
        let value = database::object(&[("opened", opened.into()), ("bytes", bytes.into())]);
        self.add(Write::Note { name: opened_name(project), value: value.into() }, false);
    }

    /// Keeps an answer of the server's.
    pub(crate) fn keep_answer(&self, path: &str, text: &str) {
        self.add(Write::Note { name: answer_name(path), value: JsValue::from_str(text) }, true);
    }

    /// The answer that was kept last.
    pub(crate) async fn answer(&self, path: &str) -> Option<String> {
        let database = self.0.database.as_ref()?;
        let transaction = database.reading(&[META]).ok()?;
        let answer = transaction.object_store(META).ok()?.get(&JsValue::from_str(&answer_name(path))).ok()?;
        database::complete(&transaction).await.ok()?;
        as_text(&given(&answer)?)
    }

    /// Cached projects with when they were opened, the oldest first, and their bytes.
    async fn opened(&self) -> Option<Vec<(f64, String, f64)>> {
        let database = self.0.database.as_ref()?;
        let transaction = database.reading(&[SNAPSHOTS, META]).ok()?;
        let keys = transaction.object_store(SNAPSHOTS).ok()?.get_all_keys().ok()?;
        let meta = transaction.object_store(META).ok()?;
        let (names, notes) = (meta.get_all_keys().ok()?, meta.get_all().ok()?);
        database::complete(&transaction).await.ok()?;
        let names: Vec<String> = results(&names).iter().filter_map(|name| name.as_string()).collect();
        let notes = results(&notes);
        let mut opened: Vec<(f64, String, f64)> = results(&keys)
            .iter()
            .filter_map(|key| key.as_string())
            .map(|project| {
                let at = names.iter().position(|name| *name == format!("opened:{project}"));
                let note = at.and_then(|at| u32::try_from(at).ok()).map_or(JsValue::UNDEFINED, |at| notes.get(at));
                let number = |name| field(&note, name).as_f64().unwrap_or_default();
                (number("opened"), project, number("bytes"))
            })
            .collect();
        model::sort_by(&mut opened, |a, b| a.0.total_cmp(&b.0));
        Some(opened)
    }

    /// Cached projects that may give way, with their bytes, those opened longest ago first: all but the one that was cached last,
    /// this page's, and those that other tabs have open. Without locks nobody knows of those; then the steps stay, which are small
    /// and nowhere else, and only what the server has goes.
    async fn may_go(&self) -> MayGo {
        let mut opened = self.opened().await.unwrap_or_default();
        opened.pop();
        let open = tabs::open_for(&self.0.user).await;
        let with_steps = open.is_some();
        let is_open = |project: &String| {
            self.0.project.as_ref().is_some_and(|own| own.as_str() == project)
                || open.as_ref().is_some_and(|open| open.contains(project))
        };
        let total = opened.iter().map(|(.., bytes)| bytes).sum();
        let projects = opened.into_iter().map(|(_, project, bytes)| (project, bytes));
        MayGo { projects: projects.filter(|(project, _)| !is_open(project)).collect(), total, with_steps }
    }

    /// Lets cached projects go that are too much.
    pub(crate) async fn trim(&self) {
        let MayGo { projects, mut total, with_steps } = self.may_go().await;
        for (project, bytes) in projects {
            if total <= CACHE_BYTES_MAX {
                return;
            }
            total -= bytes;
            self.uncache(&[project], with_steps).await;
        }
    }

    /// Lets all cached projects go that may: edits need the room. True when there were any.
    pub(super) async fn make_room(&self) -> bool {
        let MayGo { projects, with_steps, .. } = self.may_go().await;
        let projects: Vec<String> = projects.into_iter().map(|(project, _)| project).collect();
        !projects.is_empty() && self.uncache(&projects, with_steps).await
    }

    async fn uncache(&self, projects: &[String], with_steps: bool) -> bool {
        let Some(database) = &self.0.database else { return false };
        let Ok(transaction) = database.writing(&[SNAPSHOTS, COMMITS], false) else { return false };
        for project in projects.iter().filter_map(|project| Id::new(project).ok()) {
            let snapshots = transaction.object_store(SNAPSHOTS);
            let _ = snapshots.and_then(|snapshots| snapshots.delete(&JsValue::from_str(project.as_str())));
            if let (Ok(commits), Some(all)) = (transaction.object_store(COMMITS), all_of(&project)) {
                let _ = commits.delete(&all);
            }
        }
        let is_done = database::complete(&transaction).await.is_ok();
        if with_steps {
            self.forget_steps(|project| projects.contains(project)).await;
        }
        is_done
    }

    /// Lets the steps of undo go of `these` projects, but not where edits wait: there they may be all that is left of what was done.
    async fn forget_steps(&self, these: impl Fn(&String) -> bool) {
        // What is not forgotten now is next time.
        let _ = self.try_to_forget_steps(these).await;
    }

    async fn try_to_forget_steps(&self, these: impl Fn(&String) -> bool) -> Result<(), Failure> {
        let Some(database) = &self.0.database else { return Ok(()) };
        let transaction = database.writing(&[QUEUE, STEPS], false)?;
        let (queue, steps) = (database::store(&transaction, QUEUE)?, database::store(&transaction, STEPS)?);
        let failed = |error: JsValue| Failure::of(&error);
        let rows = Array::from(&database::wait(&queue.get_all().map_err(failed)?).await?);
        let waiting: HashSet<String> = rows.iter().filter_map(|row| field(&row, "project").as_string()).collect();
        let keys = Array::from(&database::wait(&steps.get_all_keys().map_err(failed)?).await?);
        let goes = |project: &String| these(project) && !waiting.contains(project);
        for key in keys.iter().filter(|key| Array::from(key).get(0).as_string().as_ref().is_some_and(goes)) {
            steps.delete(&key).map_err(failed)?;
        }
        database::complete(&transaction).await
    }

    /// Lets everything go that the server has, too, and leaves the edits that wait: the user has logged out.
    pub(crate) async fn forget_cache(&self) {
        let Some(database) = &self.0.database else { return };
        let stores = [SNAPSHOTS, COMMITS, META];
        let Ok(transaction) = database.writing(&stores, false) else { return };
        for name in stores {
            let _ = transaction.object_store(name).and_then(|store| store.clear());
        }
        let _ = database::complete(&transaction).await;
        self.forget_steps(|_| true).await;
    }
}

fn opened_name(project: &Id) -> String {
    format!("opened:{project}")
}

fn answer_name(path: &str) -> String {
    format!("answer:{path}")
}
