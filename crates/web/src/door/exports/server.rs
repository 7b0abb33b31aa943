//! Made by the server: asked for, watched, fetched; also what it has made earlier.

use std::time::Duration;

use leptos::prelude::*;
use model::Id;
use serde_json::json;

use super::{Exports, Job, Made, Stage, Wanted};
use crate::door::{api, clock};

/// How often the server is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// So often it is looked whether all edits are on the server, before it is asked without the last of them.
const SAVED_TIMES: u32 = 10;

/// An export of the server's.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub(crate) struct ServerExport {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) state: String,
    progress: f64,
    error: Option<String>,
    pub(crate) file: Option<ServerFile>,
}

/// What it made.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub(crate) struct ServerFile {
    pub(crate) name: String,
    pub(crate) bytes: f64,
    pub(crate) url: String,
}

#[derive(serde::Deserialize)]
struct List {
    exports: Vec<ServerExport>,
}

impl ServerExport {
    fn stage(&self) -> Stage {
        match (self.state.as_str(), &self.file) {
            ("waiting", _) => Stage::Running(None),
            ("running", _) => Stage::Running(Some(self.progress)),
            ("done", Some(file)) => Stage::Done(Made {
                name: file.name.clone(),
                address: file.url.clone(),
                bytes: file.bytes,
                seconds: None,
                remark: String::new(),
            }),
            ("cancelled", _) => Stage::Idle,
            _ => Stage::Failed(self.error.clone().unwrap_or_else(|| "The server could not make the file.".to_owned())),
        }
    }
}

impl Exports {
    /// Where they are; none once the studio has been left.
    fn path(self) -> Option<String> {
        Some(format!("/api/projects/{}/exports", self.door.alive()?.project))
    }

    pub(super) fn ask_server(self, wanted: Wanted) {
        let turn = self.turn.get_value();
        leptos::task::spawn_local(async move {
            // What was just done is to be in it.
            for _ in 0..SAVED_TIMES {
                if self.door.status().try_with_untracked(|status| status.pending == 0).unwrap_or(true) {
                    break;
                }
                clock::sleep(LOOK_EVERY).await;
            }
            if self.turn.try_get_value() != Some(turn) {
                return;
            }
            let body = json!({ "settings": wanted.settings, "stems": wanted.stems, "name": wanted.name });
            let Some(path) = self.path() else { return };
            let answer = api::post::<ServerExport>(&path, &body).await;
            // Left behind, the server goes on; where something else is wanted, or nothing, it need not.
            match (answer, self.turn.try_get_value()) {
                (Ok(export), Some(now)) if now == turn => self.follow(export),
                (Err(failure), Some(now)) if now == turn => self.fail(failure.message),
                (Ok(export), Some(_)) => drop(api::delete(&format!("{path}/{}", export.id)).await),
                _ => {}
            }
        });
    }

    /// Looks what the server has, and goes on watching what it is still at.
    pub(crate) fn look(self) {
        leptos::task::spawn_local(async move {
            // Without a network there is nothing to be had of the server.
            let Some(path) = self.path() else { return };
            let Ok(List { exports }) = api::get::<List>(&path).await else { return };
            let unfinished = exports.iter().find(|export| matches!(export.stage(), Stage::Running(_))).cloned();
            if self.earlier.try_set(exports).is_none()
                && let Some(export) = unfinished
                && self.stage.get_untracked() == Stage::Idle
            {
                self.name.set(export.name.clone());
                self.follow(export);
            }
        });
    }

    /// Watches an export until it is done, or somebody wants something else.
    fn follow(self, mut export: ServerExport) {
        let id = export.id.clone();
        self.job.set_value(Some(Job::Server(id.clone())));
        leptos::task::spawn_local(async move {
            let Some(path) = self.path().map(|path| format!("{path}/{id}")) else { return };
            let still = || self.job.try_with_value(|job| matches!(job, Some(Job::Server(now)) if *now == id));
            loop {
                if still() != Some(true) {
                    return;
                }
                let stage = export.stage();
                let runs = matches!(stage, Stage::Running(_));
                self.stage.set(stage);
                if !runs {
                    return self.look();
                }
                clock::sleep(LOOK_EVERY).await;
                match api::get::<ServerExport>(&path).await {
                    Ok(now) => export = now,
                    Err(failure) if failure.is_passing() => {}
                    Err(failure) if still() == Some(true) => return self.fail(failure.message),
                    Err(_) => return,
                }
            }
        });
    }

    /// Has the server stop an export, or let go of what it made.
    pub(crate) fn remove(self, id: Id) {
        leptos::task::spawn_local(async move {
            let Some(path) = self.path() else { return };
            if let Err(failure) = api::delete(&format!("{path}/{id}")).await
                && failure.status != 404
            {
                self.door.toasts().error("The export could not be removed", failure.message);
            }
            self.look();
        });
    }
}
