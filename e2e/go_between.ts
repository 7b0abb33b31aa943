// Somebody between the browser and the studio: what a deployment, a broken proxy or a new release does to what is sent.
import { createHash } from 'node:crypto'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { test as base } from './band'

export interface GoBetween {
  url: string
  /** Paths that are not to be had, though the studio has them. */
  missing: Set<string>
  /** The name under which the app is sent, as if it had been built anew; with other stores, if they are given. */
  release?: { name: string; stores?: number }
  /** The network is cut: nothing comes through, sockets that are open end. */
  cut(): void
  /** It is there again. */
  mend(): void
  /** What the studio itself would send. */
  fetchText(path: string): Promise<string>
  stop(): Promise<void>
}

/** Tests with somebody in between; what they open at `between.url` goes through them. */
export const test = base.extend<{ between: GoBetween }>({
  between: async ({}, use) => {
    const between = await putBetween(process.env.UNISONO_URL!)
    await use(between)
    await between.stop()
  },
})

/** Starts one on a port of its own. Origins stay what the browser says: the studio sees the go-between's address as its own. */
export async function putBetween(studio: string): Promise<GoBetween> {
  const { hostname, port } = new URL(studio)
  const upstream = ({ method, url, headers }: IncomingMessage) => {
    // Whole and plain, to be rewritten: of what the studio sent before, another release has nothing.
    const { 'if-none-match': _, ...others } = headers
    return request({ hostname, port, method, path: url, headers: { ...others, 'accept-encoding': 'identity' } })
  }

  let isCut = false
  const sockets = new Set<Duplex>()
  const server = createServer((incoming, outgoing) => {
    if (isCut) return void incoming.socket.destroy()
    const { pathname } = new URL(incoming.url!, studio)
    if (between.missing.has(pathname)) return void outgoing.writeHead(404).end()
    const onward = upstream(incoming)
    onward.on('error', () => outgoing.destroy())
    onward.on('response', (answer) => {
      const text = /^text\/(html|javascript)/.test(answer.headers['content-type'] ?? '')
      if (!text || !between.release) {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        return void answer.pipe(outgoing)
      }
      void rewritten(pathname, answer, outgoing)
    })
    incoming.pipe(onward)
  })

  async function rewritten(path: string, answer: IncomingMessage, outgoing: ServerResponse) {
    let text = ''
    for await (const part of answer.setEncoding('utf8')) text += part
    if (text.includes('<meta name="release"')) text = page(text)
    if (path === '/service_worker.js') {
      const own = between.release!
      const sha256 = createHash('sha256').update(page(await between.fetchText('/index.html'))).digest('hex')
      text = text.replace(/"name":"[^"]*"/, `"name":"${own.name}"`).replace(/"page":"[^"]*"/, `"page":"${sha256}"`)
      if (own.stores !== undefined) text = text.replace(/^const STORES = .*$/m, `const STORES = ${own.stores}`)
    }
    const { etag: _, 'content-length': __, ...headers } = answer.headers
    outgoing.writeHead(answer.statusCode!, headers).end(text)
  }

  function page(text: string) {
    return text.replace(/(<meta name="release" content=")[^"]*/, `$1${between.release!.name}`)
  }

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })

  server.on('upgrade', (incoming, socket, head) => {
    if (isCut) return void socket.destroy()
    const onward = connect(Number(port), hostname, () => {
      const lines = incoming.rawHeaders.flatMap((name, n, all) => (n % 2 === 0 ? [`${name}: ${all[n + 1]}`] : []))
      onward.write([`GET ${incoming.url} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    for (const end of [onward, socket]) for (const event of ['error', 'close']) end.on(event, () => (onward.destroy(), socket.destroy()))
  })

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const own = server.address() as { port: number }
  const between: GoBetween = {
    url: `http://127.0.0.1:${own.port}`,
    missing: new Set(),
    cut() {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    mend() {
      isCut = false
    },
    fetchText: async (path) => (await fetch(studio + path)).text(),
    async stop() {
      // Sockets are no connections of the server's any more.
      between.cut()
      await new Promise((done) => server.close(done))
    },
  }
  return between
}
