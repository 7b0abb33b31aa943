//! Many sockets written to with one call of the system: crossing into the system two hundred times for one edit takes a sixth
//! of what the two hundred writes take in all (`benches/README.md`).
//!
//! By Linux' `io_uring`, whose requests carry the flag by which a send that would wait fails instead: each is over when the
//! call comes back. Where the system has none, or forbids it, as some containers do, each socket is written to by itself.

use super::WriteHalf;

/// Sockets that are written to with one call at most.
pub(crate) const TOGETHER_MAX: usize = 256;
/// With fewer than so many a call for each costs no more.
const TOGETHER_MIN: usize = 8;

/// Writes to each of these what the system takes at this moment; how much that was. Where it says 0, only
/// [`WriteHalf::poll_write`] can say how things stand.
pub(crate) fn write(writes: &[(&WriteHalf, &[u8])]) -> Vec<usize> {
    at_once(writes).unwrap_or_else(|| writes.iter().map(|(half, bytes)| half.try_write(bytes).unwrap_or(0)).collect())
}

/// [`write()`] with one call, when there are enough of them for that, and the system can.
fn at_once(writes: &[(&WriteHalf, &[u8])]) -> Option<Vec<usize>> {
    if writes.len() < TOGETHER_MIN { None } else { system::write(writes) }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::WriteHalf;

    pub(super) fn write(_writes: &[(&WriteHalf, &[u8])]) -> Option<Vec<usize>> {
        None
    }

    #[cfg(test)]
    pub(super) fn has_rings() -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::cell::RefCell;
    use std::io;
    use std::os::fd::{AsRawFd as _, RawFd};

    use io_uring::squeue::Entry;
    use io_uring::{IoUring, opcode, types};
    use rustix::net::SendFlags;

    use super::{TOGETHER_MAX, WriteHalf};

    thread_local! {
        /// This thread's ring; none when the system gives none.
        static RING: RefCell<Option<IoUring>> = RefCell::new(new_ring());
    }

    fn new_ring() -> Option<IoUring> {
        let entries = u32::try_from(TOGETHER_MAX).ok()?;
        IoUring::new(entries).inspect_err(|error| tracing::debug!(%error, "sockets are written to one by one")).ok()
    }

    /// Whether the system gives rings at all.
    #[cfg(test)]
    pub(super) fn has_rings() -> bool {
        new_ring().is_some()
    }

    /// [`super::write`], when all of these are bare sockets and the system can.
    pub(super) fn write(writes: &[(&WriteHalf, &[u8])]) -> Option<Vec<usize>> {
        let sends = writes.iter().zip(0..).map(|((half, bytes), at)| match half {
            WriteHalf::Plain(half) => {
                let stream: &tokio::net::TcpStream = half.as_ref();
                Some(send(stream.as_raw_fd(), bytes, at))
            }
            WriteHalf::Wrapped(_) => None,
        });
        let sends: Vec<Entry> = sends.collect::<Option<_>>()?;
        RING.with_borrow_mut(|ring| {
            let mut taken = vec![0; writes.len()];
            if submit(ring.as_mut()?, &sends, &mut taken) {
                return Some(taken);
            }
            // What was not handed over goes with the ring.
            *ring = None;
            Some(taken)
        })
    }

    /// A send that does not wait, and says by `at` which it was.
    fn send(socket: RawFd, bytes: &[u8], at: u64) -> Entry {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        // No payload is as long; the system takes what it is told of.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let send = opcode::Send::new(types::Fd(socket), bytes.as_ptr(), length);
        send.flags(flags.bits().cast_signed()).build().user_data(at)
    }

    /// Hands these to the system and waits until all that it has taken over are done; false when it did not take over all.
    fn submit(ring: &mut IoUring, sends: &[Entry], taken: &mut [usize]) -> bool {
        let mut waiting = sends.len();
        let mut submission = ring.submission();
        for send in sends {
            // SAFETY: socket and bytes are borrowed by the caller, and every request that the system takes over is done before
            // `submit` comes back: it looks at neither afterwards.
            #[allow(unsafe_code, reason = "the compiler cannot know how long the system needs the bytes")]
            let pushed = unsafe { submission.push(send) };
            if pushed.is_err() {
                // More than the ring holds, which the caller does not ask for.
                waiting -= 1;
            }
        }
        drop(submission);
        let mut whole = waiting == sends.len();
        while waiting > 0 {
            let submitted = ring.submit_and_wait(waiting);
            for done in ring.completion() {
                waiting -= 1;
                let place = usize::try_from(done.user_data()).ok().and_then(|at| taken.get_mut(at));
                if let (Some(place), Ok(bytes)) = (place, usize::try_from(done.result())) {
                    *place = bytes;
                }
            }
            match submitted {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let left = ring.submission().len();
                    tracing::warn!(%error, left, "sockets are written to one by one from now on");
                    whole = false;
                    // Those that it has taken over may still be on their way: they do not wait, so neither does this long.
                    if waiting <= left {
                        break;
                    }
                    std::thread::yield_now();
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// The writing halves of so many sockets, and their other sides.
    async fn sockets(count: usize) -> (Vec<WriteHalf>, Vec<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..count {
            far.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            let (_, half) = listener.accept().await.unwrap().0.into_split();
            near.push(WriteHalf::Plain(half));
        }
        (near, far)
    }

    /// [`write`], which is one call where the system has rings.
    fn written(writes: &[(&WriteHalf, &[u8])]) -> Vec<usize> {
        if writes.len() >= TOGETHER_MIN && system::has_rings() {
            return at_once(writes).expect("not with one call");
        }
        write(writes)
    }

    #[tokio::test]
    async fn what_is_written_together_comes_whole_to_each() {
        for count in [1, TOGETHER_MIN, 40] {
            let (near, far) = sockets(count).await;
            let texts: Vec<String> = (0..count).map(|at| format!("edit {at} for one socket and no other")).collect();
            let writes: Vec<_> = near.iter().zip(&texts).map(|(half, text)| (half, text.as_bytes())).collect();
            // Twice: the ring is used again.
            for _ in 0..2 {
                assert_eq!(written(&writes), texts.iter().map(String::len).collect::<Vec<_>>());
            }
            for (mut far, text) in far.into_iter().zip(&texts) {
                let mut read = vec![0; text.len() * 2];
                far.read_exact(&mut read).await.unwrap();
                assert_eq!(read, text.repeat(2).into_bytes());
            }
        }
    }

    #[tokio::test]
    async fn ps4_a_socket_that_takes_no_more_or_is_gone_holds_up_none_of_the_others() {
        let (near, mut far) = sockets(TOGETHER_MIN).await;
        let much = vec![7; 1 << 20];
        while near[0].try_write(&much).is_some() {}
        drop(far.remove(1));
        // Until the system has heard that it is gone.
        let WriteHalf::Plain(gone) = &near[1] else { panic!("bare") };
        while near[1].try_write(b"?").is_some() {
            gone.writable().await.unwrap();
        }
        let writes: Vec<_> = near.iter().map(|half| (half, &b"edit"[..])).collect();
        let mut expected = vec![4; TOGETHER_MIN];
        (expected[0], expected[1]) = (0, 0);
        assert_eq!(written(&writes), expected);
        let mut read = [0; 4];
        far.pop().unwrap().read_exact(&mut read).await.unwrap();
        assert_eq!(read, *b"edit");
    }
}
