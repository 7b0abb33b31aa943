// What the tests share: two people who are logged in, projects, tracks, recordings.
import { test as base, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { createHash, randomUUID } from 'node:crypto'

export { expect }

/** The demo's accounts. */
export const USER_1 = 'user1@example.com'
export const USER_2 = 'user2@example.com'
const PASSWORD = 'password'

export type Operation = { type: string; table: string; id: string; key: string; value?: unknown; position?: unknown }
export type RecordMap = Record<string, Record<string, Record<string, any>>>

/** A browser of one person: cookies of their own, and whatever their pages complain about. */
export interface Musician {
  context: BrowserContext
  page: Page
  userId: string
  /** Errors of the page and of its console, for a test to be empty at its end. */
  complaints: string[]
}

type Sessions = { [email: string]: { cookies: Awaited<ReturnType<BrowserContext['cookies']>>; userId: string } }

/**
 * `alice` and `bob` are user 1 and user 2, each with a page of their own. They log in once per run, not once per test:
 * the server slows down many tries, and should.
 */
export const test = base.extend<{ alice: Musician; bob: Musician }, { sessions: Sessions }>({
  sessions: [
    async ({ browser }, use) => {
      const sessions: Sessions = {}
      for (const email of [USER_1, USER_2]) {
        const context = await browser.newContext({ baseURL: process.env.UNISONO_URL })
        const answer = await context.request.post('/api/auth/login', { data: { email, password: PASSWORD } })
        expect(answer.status()).toBe(200)
        sessions[email] = { cookies: await context.cookies(), userId: (await answer.json()).user.id }
        await context.close()
      }
      await use(sessions)
    },
    { scope: 'worker' },
  ],
  alice: async ({ browser, sessions }, use) => enter(browser, sessions[USER_1], use),
  bob: async ({ browser, sessions }, use) => enter(browser, sessions[USER_2], use),
})

async function enter(browser: Browser, session: Sessions[string], use: (musician: Musician) => Promise<void>) {
  const context = await browser.newContext({ baseURL: process.env.UNISONO_URL })
  await context.addCookies(session.cookies)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`)
  })
  await use({ context, page, userId: session.userId, complaints })
  await context.close()
}

/** An id for a new record. */
export const newId = () => randomUUID()

/** Writes operations as one transaction over the guide's interface. */
export async function write(musician: Musician, operations: Operation[]): Promise<RecordMap> {
  const answer = await musician.page.request.post('/api/realtime/write', {
    data: { txId: newId(), authorId: musician.userId, operations, clientTimestamp: Date.now() },
  })
  expect(answer.status(), await answer.text()).toBe(200)
  return (await answer.json()).recordMap
}

/** Reads one record; undefined when the caller may not, or it is not there. */
export async function read(musician: Musician, table: string, id: string) {
  const answer = await musician.page.request.post('/api/realtime/getRecords', { data: { pointers: [{ table, id }] } })
  expect(answer.status()).toBe(200)
  return (await answer.json()).recordMap[table]?.[id]
}

const create = (table: string, id: string, fields: object): Operation => ({
  type: 'set',
  table,
  id,
  key: '',
  value: { id, ...fields },
})

/** Makes a project and returns its id. */
export async function newProject(musician: Musician, name: string, fields: object = {}): Promise<string> {
  const id = newId()
  await write(musician, [create('projects', id, { name, ...fields })])
  return id
}

/** Lets another in. */
export async function invite(musician: Pick<Musician, 'page'>, projectId: string, email: string, role = 'editor') {
  const answer = await musician.page.request.post(`/api/projects/${projectId}/members`, { data: { email, role } })
  expect(answer.ok(), await answer.text()).toBe(true)
}

export async function newTrack(musician: Musician, projectId: string, name: string, fields: object = {}): Promise<string> {
  const id = newId()
  await write(musician, [create('tracks', id, { projectId, name, type: 'audio', ...fields })])
  return id
}

export async function newClip(musician: Musician, trackId: string, name: string, fields: object): Promise<string> {
  const id = newId()
  await write(musician, [create('clips', id, { trackId, name, startBeat: 0, durationBeats: 4, ...fields })])
  return id
}

/** Uploads bytes as a recording of a project, waits until the server has measured it, and returns its record. */
export async function upload(musician: Musician, projectId: string, filename: string, bytes: Buffer) {
  const id = newId()
  const contentHash = createHash('sha256').update(bytes).digest('hex')
  await write(musician, [create('audio_files', id, { projectId, filename, contentHash, sizeBytes: bytes.length })])
  const signed = await (await musician.page.request.post(`/api/audio-files/${id}/upload`)).json()
  const sent = await musician.page.request.fetch(signed.url, { method: signed.method, headers: signed.headers, data: bytes })
  expect(sent.ok(), await sent.text()).toBe(true)
  await expect.poll(async () => (await read(musician, 'audio_files', id)).state).toMatch(/ready|refused/)
  return read(musician, 'audio_files', id)
}

/** Waits until the page has drawn what was done to it. */
export const drawn = (page: Page) =>
  page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))))

/** Moves the pointer in so many steps, each of which the page sees by itself: a busy one takes several for one. */
export async function moveInSteps(page: Page, [x0, y0]: [number, number], [x1, y1]: [number, number], steps: number) {
  for (let step = 1; step <= steps; step++) {
    await page.mouse.move(x0 + ((x1 - x0) / steps) * step, y0 + ((y1 - y0) / steps) * step)
    await drawn(page)
  }
}

/** Opens a project and waits until it is there and connected. */
export async function open(musician: Musician, projectId: string) {
  await musician.page.goto(`/projects/${projectId}`)
  await expect(musician.page.locator('[data-project-id]')).toHaveAttribute('data-project-id', projectId)
  await expect(musician.page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
}
