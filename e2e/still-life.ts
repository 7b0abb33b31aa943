// A server of files only, with the headers that the studio's pages have: for tests of the audio thread by itself.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, resolve, sep } from 'node:path'

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

/** Serves folders of this machine under path prefixes, and an empty page at `/`; stop it with `stop()`. */
export async function serveFolders(folders: { [prefix: string]: string }) {
  const server = createServer(async (request, answer) => {
    answer.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    answer.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const prefix = Object.keys(folders).find((prefix) => path.startsWith(prefix))
    if (path === '/') return answer.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Test</title>')
    const folder = prefix && resolve(folders[prefix])
    const file = folder && resolve(folder, path.slice(prefix.length))
    if (!folder || !file?.startsWith(folder + sep)) return answer.writeHead(404).end()
    const bytes = await readFile(file).catch(() => undefined)
    if (!bytes) return answer.writeHead(404).end()
    answer.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream').end(bytes)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
