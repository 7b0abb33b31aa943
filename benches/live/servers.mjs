// servers.mjs PEER: a peer's server on a free port of loopback, as its documentation starts it; prints the port.
import { createServer } from 'node:http';

const peer = process.argv[2];

async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  console.log(server.address().port);
}

const start = {
  /** Sends every message to everyone else, without looking at it. */
  async ws() {
    const { WebSocketServer } = await import('ws');
    const http = createServer();
    const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
    sockets.on('connection', (socket) => {
      socket.on('message', (message) => {
        for (const other of sockets.clients) if (other !== socket) other.send(message);
      });
    });
    await listen(http);
  },
  /** Yjs in memory. */
  async 'y-websocket'() {
    const { WebSocketServer } = await import('ws');
    const { createRequire } = await import('node:module');
    const { setupWSConnection } = createRequire(import.meta.url)('./node_modules/y-websocket/bin/utils.cjs');
    const http = createServer();
    new WebSocketServer({ server: http }).on('connection', setupWSConnection);
    await listen(http);
  },
  /** Yjs in memory, with Hocuspocus' hooks. */
  async hocuspocus() {
    const { Server } = await import('@hocuspocus/server');
    const server = new Server({ address: '127.0.0.1', port: 0, quiet: true });
    await server.listen();
    console.log(server.address.port);
  },
  /** tldraw's rooms, in memory. */
  async tldraw() {
    const { TLSocketRoom } = await import('@tldraw/sync-core');
    const { schema } = await import('./tldraw_schema.mjs');
    const { WebSocketServer } = await import('ws');
    const room = new TLSocketRoom({ schema });
    const http = createServer();
    let number = 0;
    new WebSocketServer({ server: http }).on('connection', (socket) => {
      room.handleSocketConnect({ sessionId: `s${number++}`, socket });
    });
    await listen(http);
  },
};

await start[peer]();
