//! A body on its way to the disk: never silent for long, never slower than is of use, never longer than announced.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use storage::{BlobWriter, PartialWriter};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::limits::{UPLOAD_BUFFER_BYTES, UPLOAD_RATE_BYTES_MIN, UPLOAD_RATE_GRACE, UPLOAD_SILENCE_MAX};
use super::room;
use crate::realtime::Disk;
use crate::{App, Problem};

/// Where bytes are written.
pub(super) trait Sink: Send + 'static {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for Box<dyn BlobWriter> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).write(bytes)
    }
}

impl Sink for Box<dyn PartialWriter> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).write(bytes)
    }
}

/// Why a request that brings bytes ends early: another continues what it began.
pub(super) fn superseded() -> Problem {
    Problem::new(StatusCode::CONFLICT, "Another request continues this upload.")
}

/// Writes a body of at most `bytes_max` to `sink`, and gives the sink back with the number of bytes. What came before a
/// failure is written as well. The sink is lost only when writing panicked.
pub(super) async fn receive<S: Sink>(
    app: &App,
    body: Body,
    sink: S,
    bytes_max: u64,
    given_up: &CancellationToken,
) -> (Option<S>, Result<u64, Problem>) {
    let disk = Arc::clone(app.realtime.disk());
    let mut buffer = Buffer { sink: Some(sink), gathered: Vec::with_capacity(UPLOAD_BUFFER_BYTES), disk };
    let outcome = take_all(app, body, &mut buffer, bytes_max, given_up).await;
    let flushed = buffer.flush().await;
    (buffer.sink, outcome.and_then(|received| flushed.map(|()| received)))
}

async fn take_all<S: Sink>(
    app: &App,
    body: Body,
    buffer: &mut Buffer<S>,
    bytes_max: u64,
    given_up: &CancellationToken,
) -> Result<u64, Problem> {
    let mut stream = body.into_data_stream();
    let (begun, mut received) = (Instant::now(), 0);
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(UPLOAD_SILENCE_MAX, stream.next()) => next,
            () = given_up.cancelled() => return Err(superseded()),
            () = app.shutdown.cancelled() => {
                return Err(Problem::from_status(503, "The server is stopping. Please try again in a moment."));
            }
        };
        let chunk: Bytes = match next {
            Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "No bytes came for a while.")),
            Ok(Some(Err(_))) => return Err(Problem::invalid("The upload broke off.")),
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => return Ok(received),
        };
        received += chunk.len() as u64;
        if received > bytes_max {
            return Err(too_long(bytes_max));
        }
        if is_too_slow(received, begun.elapsed()) {
            let least = UPLOAD_RATE_BYTES_MIN / 1024;
            let message = format!("The bytes come too slowly: at least {least} KiB a second are needed.");
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, message));
        }
        buffer.add(&chunk).await?;
    }
}

/// Whether so many bytes in such a time are less than is of use: whoever trickles does not hold a slot.
fn is_too_slow(received: u64, elapsed: Duration) -> bool {
    elapsed > UPLOAD_RATE_GRACE
        && u128::from(received) * 1_000 < u128::from(UPLOAD_RATE_BYTES_MIN) * elapsed.as_millis()
}

/// Gathers small pieces, so that the disk gets large ones.
struct Buffer<S> {
    /// None while it is written to, and when that panicked.
    sink: Option<S>,
    gathered: Vec<u8>,
    disk: Arc<Disk>,
}

impl<S: Sink> Buffer<S> {
    async fn add(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        self.gathered.extend_from_slice(chunk);
        if self.gathered.len() >= UPLOAD_BUFFER_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Problem> {
        let (Some(mut sink), mut gathered) = (self.sink.take(), std::mem::take(&mut self.gathered)) else {
            return Err(Problem::internal());
        };
        let disk = Arc::clone(&self.disk);
        let written = blocking(move || {
            // Looked at each time: others write as well, and what was announced before has not been written yet.
            let fits = gathered.len() as u64 <= disk.room();
            let outcome = if fits { sink.write(&gathered) } else { Err(io::ErrorKind::StorageFull.into()) };
            gathered.clear();
            Ok((sink, gathered, outcome))
        });
        let (sink, gathered, outcome) = written.await?;
        (self.sink, self.gathered) = (Some(sink), gathered);
        outcome.map_err(|error| disk_problem(&error))
    }
}

/// Compares the Content-Length, where there is one, with what is still to come.
pub(super) fn check_length(headers: &HeaderMap, bytes_max: u64) -> Result<(), Problem> {
    if length(headers).is_some_and(|given| given > bytes_max) { Err(too_long(bytes_max)) } else { Ok(()) }
}

/// The Content-Length.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_long(size: u64) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("More bytes came than the {size} that were announced."))
}

pub(super) fn too_short(given: u64, size: u64) -> Problem {
    Problem::invalid(format!("Only {given} bytes came, of {size} that were announced."))
}

/// Runs a piece of work that waits for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a piece of an upload ended badly");
        Problem::internal()
    })?;
    outcome.map_err(|error| disk_problem(&error))
}

fn disk_problem(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            Problem::invalid("The bytes are others than the record announces (SHA-256 differs).")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "an upload found no room");
            room::none()
        }
        _ => {
            tracing::error!(%error, "an upload could not be written");
            Problem::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio_files::fixture::Studio;

    impl Sink for Vec<u8> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[tokio::test]
    async fn w6_an_upload_ends_when_others_have_filled_the_disk_meanwhile() {
        let given_up = CancellationToken::new();
        let take =
            async |studio: &Studio| receive(&studio.app, Body::from(vec![1; 10]), Vec::new(), 10, &given_up).await;
        let (written, outcome) = take(&Studio::open()).await;
        assert_eq!((written.unwrap().len(), outcome.unwrap()), (10, 10));
        let (written, outcome) = take(&Studio::open_with(|config| config.keep_free = u64::MAX)).await;
        assert_eq!(written.unwrap(), Vec::<u8>::new());
        let problem = outcome.unwrap_err();
        assert!(problem.message().contains("disk is nearly full"), "{problem:?}");
    }

    #[test]
    fn w6_an_upload_has_a_grace_and_then_a_rate() {
        let bytes_in = |seconds: u64| UPLOAD_RATE_BYTES_MIN * seconds;
        let grace = UPLOAD_RATE_GRACE.as_secs();
        assert!(!is_too_slow(0, UPLOAD_RATE_GRACE), "it may begin slowly");
        assert!(is_too_slow(bytes_in(grace), UPLOAD_RATE_GRACE + Duration::from_secs(1)));
        assert!(!is_too_slow(bytes_in(grace + 1), UPLOAD_RATE_GRACE + Duration::from_secs(1)));
        assert!(!is_too_slow(bytes_in(3_600), Duration::from_secs(3_600)));
        assert!(
            is_too_slow(bytes_in(3_600) - 1, Duration::from_secs(3_600)),
            "the average counts, however long it takes"
        );
    }
}
