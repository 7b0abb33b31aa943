//! `unisono serve` and `unisono migrate`: from a configuration to a server, and to its orderly end.

use std::io::{self, IsTerminal as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use storage::blobs::FileBlobs;
use storage::{Blobs, Database, SqliteStore, Store};

use crate::cli::Failure;
use crate::config::{Config, ServeArgs, Tls};
use crate::limits::{HEADER_BYTES_MAX, HEADER_TIMEOUT, SHUTDOWN_GRACE, THREADS_GRACE};
use crate::state::Clock;
use crate::{App, demo, jobs, router};

/// The database's file in the data folder.
const DATABASE: &str = "unisono.sqlite";
/// The blobs' folder in the data folder.
const BLOBS: &str = "blobs";
/// How often sessions that have ended are forgotten.
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
    // A thread that still decodes, or waits for a disk, holds the end up no longer than this.
    runtime.shutdown_timeout(THREADS_GRACE);
    served
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

/// Opens the stores of a data folder that another process may be serving.
///
/// # Errors
/// When there is no database.
pub(crate) fn open_for_reading(data: &Path) -> Result<Stores, Failure> {
    if !data.join(DATABASE).is_file() {
        return Err(Failure::new(format!("there is no database in {}", data.display())));
    }
    Ok((Arc::new(open_store(data)?), Arc::new(FileBlobs::attach(&data.join(BLOBS)))))
}

fn open_store(data: &Path) -> Result<SqliteStore, Failure> {
    SqliteStore::open(&data.join(DATABASE))
        .map_err(|error| Failure::new(format!("{}: {error}", data.join(DATABASE).display())))
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
    let tls = match &config.tls {
        Some(tls) => Some(load_tls(tls).await?),
        None => None,
    };
    let listener = TcpListener::bind(config.listen)
        .map_err(|error| Failure::new(format!("cannot listen on {}: {error}", config.listen)))?;
    let failed = |error: io::Error| Failure::new(format!("the network failed: {error}"));
    let address = listener.local_addr().map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;

    let demo = config.demo;
    let app = open(config)?;
    if demo {
        demo::install(&app).await?;
    }
    let workers = jobs::start(&app);
    let handle = Handle::new();
    tokio::spawn(stop_on_signal(app.clone(), handle.clone()));
    tokio::spawn(sweep(app.clone()));

    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("Unisono is at {scheme}://{address}/");
    let service = router::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let served = match tls {
        Some(tls) => {
            let mut server = axum_server::from_tcp_rustls(listener, tls).map_err(failed)?.handle(handle);
            limit_headers(server.http_builder());
            server.serve(service).await
        }
        None => {
            let server = plain(listener).map_err(failed)?.handle(handle);
            server.serve(service).await
        }
    };
    app.shutdown.cancel();
    if tokio::time::timeout(SHUTDOWN_GRACE, workers).await.is_err() {
        tracing::warn!("a worker did not finish in time; its job will be run again");
    }
    if let Err(error) = app.database.run(|store| store.checkpoint()).await {
        tracing::warn!(%error, "the write-ahead log stays; the next start reads it");
    }
    served.map_err(failed)
}

/// The listener without TLS. Not `http1_only`: axum-server then serves connections without upgrades, and every WebSocket closes
/// right after its handshake. The price: a connection that sends nothing at all is waited for, to tell HTTP/1.1 from HTTP/2.
fn plain(listener: TcpListener) -> io::Result<axum_server::Server<SocketAddr>> {
    let mut server = axum_server::from_tcp(listener)?;
    limit_headers(server.http_builder());
    Ok(server)
}

/// Whoever sends the head of a request byte by byte does not hold a connection for ever.
fn limit_headers(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(HEADER_TIMEOUT);
}

async fn load_tls(tls: &Tls) -> Result<RustlsConfig, Failure> {
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_file(&tls.cert, &tls.key)
        .await
        .map_err(|error| Failure::new(format!("cannot use {} and {}: {error}", tls.cert.display(), tls.key.display())))
}

/// Waits for an interrupt or a request to end; then no connection is accepted, sockets close, and requests that are under
/// way may finish.
async fn stop_on_signal(app: App, handle: Handle<SocketAddr>) {
    stop_signal().await;
    tracing::info!("stopping");
    app.shutdown.cancel();
    handle.graceful_shutdown(Some(SHUTDOWN_GRACE));
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

/// Forgets sessions that have ended.
async fn sweep(app: App) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = app.clock.now();
        if let Err(error) = app.database.run(move |store| store.delete_expired_sessions(now)).await {
            tracing::warn!(%error, "ended sessions could not be forgotten");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn w6_a_connection_that_sends_half_a_request_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let server = plain(listener).unwrap().serve(axum::Router::new().into_make_service());
        let serving = tokio::spawn(server);
        for sent in ["GET /", "GET / HTTP/1.1\r\nhost: x"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            // Time is moved once the server has seen the connection.
            tokio::time::sleep(Duration::from_millis(50)).await;
            tokio::time::pause();
            let mut answer = Vec::new();
            let closed = tokio::time::timeout(HEADER_TIMEOUT * 2, stream.read_to_end(&mut answer)).await;
            assert!(closed.is_ok(), "{sent:?} holds a connection");
            tokio::time::resume();
        }
        serving.abort();
    }
}
