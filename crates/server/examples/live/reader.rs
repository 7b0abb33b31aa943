//! A client that looks at what it is sent as little as that of the bare broadcaster: both processes share the machine's cores,
//! and what two hundred clients do with an edit would be counted as the server's lateness.

use sync::wire::{ClientMessage, SUBPROTOCOL, VERSION, encode};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::bare::READ_BYTES;
use crate::{User, id};

/// What announces that a payload's length follows in two bytes, and in eight (RFC 6455, section 5.2).
const TWO: u8 = 126;
const EIGHT: u8 = 127;

/// A socket that only listens.
pub(crate) struct Reader {
    stream: BufReader<TcpStream>,
    payload: Vec<u8>,
}

impl Reader {
    /// Follows the project as this user.
    pub(crate) async fn open(user: &User, project: &str) -> Reader {
        let stream = TcpStream::connect(&user.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut stream = BufReader::with_capacity(READ_BYTES, stream);
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n",
            user.address, user.cookie
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(stream.read_line(&mut line).await.unwrap() > 0, "no socket");
        }
        let mut reader = Reader { stream, payload: Vec::new() };
        reader.say(&ClientMessage::Hello { version: VERSION.into() }).await;
        reader.say(&ClientMessage::Open { channel: 1, project: id(project), resume: None }).await;
        reader
    }

    /// Sends a short message: in a frame whose mask is zero, and changes nothing.
    async fn say(&mut self, message: &ClientMessage) {
        let payload = encode(message);
        let length = u8::try_from(payload.len()).unwrap();
        assert!(length < TWO, "too long for the shortest frame");
        let mut frame = vec![0x82, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(&payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// What the next frame carries; none when the server has left.
    pub(crate) async fn next(&mut self) -> Option<&[u8]> {
        self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            TWO => u64::from(self.stream.read_u16().await.ok()?),
            EIGHT => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        self.payload.resize(usize::try_from(length).unwrap(), 0);
        self.stream.read_exact(&mut self.payload).await.ok()?;
        Some(&self.payload)
    }
}
