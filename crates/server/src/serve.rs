//! `unisono serve` and `unisono migrate`: from a configuration to a server, and to its orderly end.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use storage::blobs::FileBlobs;
use storage::{Blobs, Database, SqliteStore, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::cli::Failure;
use crate::config::{Config, ServeArgs};
use crate::limits::{CONNECTION_SILENCE_MAX, SHUTDOWN_GRACE, THREADS_GRACE};
use crate::state::{Clock, new_id};
use crate::{App, connections, demo, jobs, router};

/// The database's file in the data folder.
pub(crate) const DATABASE: &str = "unisono.sqlite";
/// The blobs' folder in the data folder.
pub(crate) const BLOBS: &str = "blobs";
/// How often sessions and tickets that have ended are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

/// Arguments of `unisono migrate`.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// Folder of the database and the audio
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR", default_value = "unisono-data")]
    pub data: PathBuf,
}

/// Runs `unisono migrate`.
///
/// # Errors
/// When the folder or its database cannot be used.
pub fn migrate(args: &MigrateArgs) -> Result<(), Failure> {
    make_folder(&args.data)?;
    let before = SqliteStore::version_of(&args.data.join(DATABASE)).map_err(|error| Failure::new(error.to_string()))?;
    let store = open_store(&args.data)?;
    let after = store.version();
    match before {
        Some(before) if before == after => println!("The database is at version {after} already."),
        Some(before) => println!("The database went from version {before} to version {after}."),
        None => println!("A database of version {after} was made."),
    }
    Ok(())
}

/// Runs `unisono serve` until it is told to stop.
///
/// # Errors
/// When it cannot start, or the network fails.
pub fn run(args: ServeArgs) -> Result<(), Failure> {
    start_logging();
    let config = Config::from_args(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    let served = runtime.block_on(serve(config));
    end(runtime);
    served
}

/// Ends a runtime. A thread that still decodes, or waits for a disk, holds the end up for [`THREADS_GRACE`] at most.
fn end(runtime: Runtime) {
    runtime.shutdown_timeout(THREADS_GRACE);
}

fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("UNISONO_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    // Fails only when a test has started it already.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).try_init();
}

/// Opens the stores of a data folder and makes the server of them.
///
/// # Errors
/// When the folder cannot be written, or its database cannot be used.
pub fn open(config: Config) -> Result<App, Failure> {
    make_folder(&config.data)?;
    let store = open_store(&config.data)?;
    let folder = config.data.join(BLOBS);
    let blobs =
        FileBlobs::open(&folder).map_err(|error| Failure::new(format!("cannot use {}: {error}", folder.display())))?;
    App::new(config, Database::new(Arc::new(store)), Arc::new(blobs), Clock::system())
        .map_err(|error| Failure::new(error.to_string()))
}

/// The stores of a data folder.
pub(crate) type Stores = (Arc<dyn Store>, Arc<dyn Blobs>);

/// Opens the stores of a data folder that another process may be serving: SQLite lets both write, one after the other.
///
/// # Errors
/// When there is no database.
pub(crate) fn attach(data: &Path) -> Result<Stores, Failure> {
    if !data.join(DATABASE).is_file() {
        return Err(Failure::new(format!("there is no database in {}", data.display())));
    }
    Ok((Arc::new(open_store(data)?), Arc::new(FileBlobs::attach(&data.join(BLOBS)))))
}

/// Opens the database of a data folder, making it if need be. One that lies in another file than the last time is a copy that
/// was put back: its logs get new epochs (WR8).
pub(crate) fn open_store(data: &Path) -> Result<SqliteStore, Failure> {
    let path = data.join(DATABASE);
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    let store = SqliteStore::open(&path).map_err(|error| failed(&error))?;
    if let Some(file) = file_identity(&path).map_err(|error| failed(&error))?
        && let Some(logs) = store.note_file(file, &new_id()).map_err(|error| failed(&error))?
    {
        tracing::info!(logs, "the database is a copy of another, as after a restored backup: its logs begin anew");
    }
    Ok(store)
}

/// What tells a file from a copy of it: its number on its disk, and when it was made, where the system knows. A move to another
/// disk looks like a copy, which costs every client a snapshot and nothing else.
#[cfg(unix)]
fn file_identity(path: &Path) -> io::Result<Option<[u8; 32]>> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    let made = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.map_or(0, |since| since.as_nanos());
    Ok(Some(blake3::hash(format!("{} {made}", metadata.ino()).as_bytes()).into()))
}

#[cfg(not(unix))]
fn file_identity(_path: &Path) -> io::Result<Option<[u8; 32]>> {
    Ok(None)
}

fn make_folder(data: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot write the data folder {}: {error}", data.display()));
    std::fs::create_dir_all(data).map_err(failed)?;
    restrict(data).map_err(failed)?;
    // Better now than at the first upload.
    let probe = data.join(".writable");
    std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)).map_err(failed)
}

/// Passwords' hashes and the signing key lie there: nobody else's business.
#[cfg(unix)]
fn restrict(data: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn restrict(_data: &Path) -> io::Result<()> {
    Ok(())
}

async fn serve(config: Config) -> Result<(), Failure> {
    let tls = config.tls.as_ref().map(connections::load_tls).transpose()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {}: {error}", config.listen)))?;
    let address = listener.local_addr().map_err(|error| Failure::new(format!("the network failed: {error}")))?;
    let limits = connections::Limits {
        idle: config.idle_timeout,
        silence: CONNECTION_SILENCE_MAX.max(config.idle_timeout),
        trusted: config.trusted_proxies.clone(),
        ..connections::Limits::new(connections::connections_max())
    };

    let demo = config.demo;
    let app = open(config)?;
    if demo {
        demo::install(&app).await?;
    }
    let workers = jobs::start(&app);
    tokio::spawn(stop_on_signal(app.clone()));
    tokio::spawn(sweep(app.clone()));

    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("Unisono is at {scheme}://{address}/");
    let accept = async move || listener.accept().await;
    connections::serve(accept, tls, router::router(app.clone()), limits, app.shutdown.clone()).await;
    if tokio::time::timeout(SHUTDOWN_GRACE, workers).await.is_err() {
        tracing::warn!("a worker did not finish in time; its job will be run again");
    }
    if tokio::time::timeout(SHUTDOWN_GRACE, app.realtime.settle()).await.is_err() {
        tracing::warn!("not all rows were written; the next start follows the logs");
    }
    if let Err(error) = app.database.run(|store| store.checkpoint()).await {
        tracing::warn!(%error, "the write-ahead log stays; the next start reads it");
    }
    Ok(())
}

/// Waits for an interrupt or a request to end; then no connection is accepted, sockets close, and requests that are under
/// way may finish.
async fn stop_on_signal(app: App) {
    stop_signal().await;
    tracing::info!("stopping");
    app.shutdown.cancel();
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot watch for SIGTERM");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Forgets sessions and tickets that have ended.
async fn sweep(app: App) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = app.clock.now();
        if let Err(error) = app.database.run(move |store| store.delete_expired(now)).await {
            tracing::warn!(%error, "ended sessions and tickets could not be forgotten");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    /// Far beyond any grace: a test that waits so long has found an end that does not come.
    const NEVER: Duration = Duration::from_secs(60);

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    #[test]
    fn w6_a_thread_that_does_not_end_holds_the_end_up_no_longer_than_its_grace() {
        let runtime = runtime();
        let (begun, at_work) = channel();
        let (release, held) = channel::<()>();
        let (told, ended) = channel();
        runtime.spawn_blocking(move || {
            begun.send(()).unwrap();
            // Until the test lets go: a disk that does not answer.
            let _ = held.recv();
            let _ = told.send("the thread");
        });
        at_work.recv().unwrap();
        let (gone, over) = channel();
        std::thread::spawn(move || {
            end(runtime);
            gone.send(()).unwrap();
        });
        over.recv_timeout(NEVER).expect("the end waits for the thread");
        assert!(ended.try_recv().is_err(), "the thread is still at work");
        drop(release);
    }

    #[test]
    fn a_thread_that_is_about_to_end_is_waited_for() {
        let runtime = runtime();
        let (begun, at_work) = channel();
        let written = Arc::new(AtomicBool::new(false));
        let writes = Arc::clone(&written);
        runtime.spawn_blocking(move || {
            begun.send(()).unwrap();
            std::thread::sleep(THREADS_GRACE / 20);
            writes.store(true, Ordering::SeqCst);
        });
        at_work.recv().unwrap();
        end(runtime);
        assert!(written.load(Ordering::SeqCst));
    }
}
