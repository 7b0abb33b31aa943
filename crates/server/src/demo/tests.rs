//! The demo from an empty folder to sound.

use model::{Role, Table};

use super::*;
use crate::audio_files::fixture::Studio;
use crate::{archive, jobs, render};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_set_up_once_and_can_be_heard() {
    let studio = Studio::open();
    install(&studio.app).await.unwrap();
    let workers = jobs::start(&studio.app);
    let project = id(PROJECT).unwrap();
    let room = studio.app.realtime.look(&project).await.unwrap();
    let files: Vec<Id> = room.records().table(Table::AudioFiles).map(|record| record.id().clone()).collect();
    assert_eq!(files.len(), RECORDINGS.len());
    for file in &files {
        assert_eq!(studio.settled(file.as_str()).await.text("state"), Some("ready"), "{file}");
    }
    assert!(room.records().tracks().len() >= 8);
    let roles: Vec<Role> = studio
        .app
        .database
        .run(|store| store.people_of(&id(PROJECT).unwrap()))
        .await
        .unwrap()
        .into_iter()
        .map(|(_, role)| role)
        .collect();
    assert_eq!(roles, [Role::Owner, Role::Editor]);

    // A second start changes nothing.
    let before = studio.app.realtime.look(&project).await.unwrap();
    install(&studio.app).await.unwrap();
    let after = studio.app.realtime.look(&project).await.unwrap();
    assert_eq!((after.seq(), after.records().len()), (before.seq(), before.records().len()));

    let folder = studio.folder.path().join("archive");
    archive::write(&**studio.app.database.store(), &studio.app.blobs, &project, &folder).unwrap();
    let mix = studio.folder.path().join("mix.wav");
    let summary = render::render(&render::Args::floating(&folder, &mix)).unwrap().mix.unwrap();
    assert!(summary.seconds() >= 60.0);
    let peak = summary.peak_db.unwrap();
    assert!((-6.0..=-1.0).contains(&peak) && summary.over == 0, "{peak} dBFS");
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test]
async fn a_real_account_is_left_alone() {
    let studio = Studio::open();
    studio.sign_up("user1").await;
    let failure = install(&studio.app).await.unwrap_err();
    assert!(failure.0.contains("user1@example.com"), "{failure}");
}
