// connect(PEER, PORT, NUMBER, HEARD): a client of a peer's, once it is in step; HEARD(number, value) is called for each
// edit of another client that it has; `edit(value)` makes one.
import WebSocket from 'ws';

const open = (socket) => new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));

/** One shared Yjs map, a key for each client. */
async function yjs(doc, number, heard) {
  const map = doc.getMap('edits');
  map.observe((event, transaction) => {
    if (transaction.local) return;
    for (const key of event.keysChanged) heard(Number(key), map.get(key));
  });
  return { edit: (value) => map.set(String(number), value) };
}

const peers = {
  async ws(port, number, heard) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    socket.binaryType = 'nodebuffer';
    await open(socket);
    // As many bytes as one of our own edits has.
    const message = Buffer.alloc(100);
    socket.on('message', (data) => heard(data.readUInt32LE(0), data.readDoubleLE(4)));
    return {
      edit(value) {
        message.writeUInt32LE(number, 0);
        message.writeDoubleLE(value, 4);
        socket.send(Buffer.from(message));
      },
    };
  },
  async 'y-websocket'(port, number, heard) {
    const [{ WebsocketProvider }, Y] = await Promise.all([import('y-websocket'), import('yjs')]);
    const doc = new Y.Doc();
    const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, 'song', doc, {
      WebSocketPolyfill: WebSocket,
      disableBc: true,
    });
    await new Promise((resolve) => provider.once('sync', resolve));
    return yjs(doc, number, heard);
  },
  async hocuspocus(port, number, heard) {
    const [{ HocuspocusProvider, HocuspocusProviderWebsocket }, Y] = await Promise.all([
      import('@hocuspocus/provider'),
      import('yjs'),
    ]);
    const document = new Y.Doc();
    const websocketProvider = new HocuspocusProviderWebsocket({
      url: `ws://127.0.0.1:${port}`,
      WebSocketPolyfill: WebSocket,
    });
    await new Promise((resolve) => {
      const provider = new HocuspocusProvider({ websocketProvider, name: 'song', document, onSynced: resolve });
      provider.attach();
    });
    return yjs(document, number, heard);
  },
  /** tldraw's protocol as its client speaks it: a push of a patch, whose answer is a commit. */
  async tldraw(port, number, heard) {
    const { schema, record } = await import('./tldraw_schema.mjs');
    const { getTlsyncProtocolVersion } = await import('@tldraw/sync-core');
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await open(socket);
    const connected = new Promise((resolve) => {
      socket.on('message', (data) => {
        const message = JSON.parse(data.toString());
        if (message.type === 'connect') return resolve();
        for (const one of message.type === 'data' ? message.data : [message]) {
          if (one.type !== 'patch') continue;
          for (const [id, [op, patch]] of Object.entries(one.diff)) {
            const value = op === 'put' ? patch.value : patch.value?.[1];
            if (value !== undefined) heard(Number(id.split(':')[1]), value);
          }
        }
      });
    });
    socket.send(
      JSON.stringify({
        type: 'connect',
        connectRequestId: `c${number}`,
        schema: schema.serialize(),
        protocolVersion: getTlsyncProtocolVersion(),
        lastServerClock: 0,
      }),
    );
    await connected;
    let clock = 0;
    const push = (diff) => socket.send(JSON.stringify({ type: 'push', clientClock: clock++, diff }));
    const own = record(number);
    push({ [own.id]: ['put', own] });
    return { edit: (value) => push({ [own.id]: ['patch', { value: ['put', value] }] }) };
  },
};

export function connect(peer, port, number, heard) {
  return peers[peer](port, number, heard);
}
