// What older releases have kept on the device is there after an update.
import type { Page } from '@playwright/test'
import { expect, newProject, open, read, test } from './band'
import { kept, keys, network, setTempo } from './offline'

/** The version of the stores of a user, and all rows of each. */
type Stores = { version: number; rows: { [store: string]: { key: unknown; value: any }[] } }

/** Reads all stores of a user. */
function readStores(page: Page, user: string): Promise<Stores> {
  return page.evaluate(async (user) => {
    const done = <T>(request: IDBRequest<T>) => new Promise<T>((done) => (request.onsuccess = () => done(request.result)))
    const database = await done(indexedDB.open(`unisono-${user}`))
    const stores: Stores = { version: database.version, rows: {} }
    for (const name of database.objectStoreNames) {
      const store = () => database.transaction(name).objectStore(name)
      const [keys, values] = [await done(store().getAllKeys()), await done(store().getAll())]
      stores.rows[name] = keys.map((key, n) => ({ key, value: values[n] }))
    }
    database.close()
    return stores
  }, user)
}

/** Puts stores in their place as the first release made them: schema 1, by hand. */
async function putFirstSchema(page: Page, user: string) {
  await page.evaluate(async (user) => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((done, fail) => {
        request.onsuccess = () => done(request.result)
        request.onerror = () => fail(request.error)
      })
    const now = await done(indexedDB.open(`unisono-${user}`))
    const old = ['queue', 'steps', 'snapshots', 'commits', 'meta']
    const rows = await Promise.all(
      old.map(async (name) => {
        const store = now.transaction(name).objectStore(name)
        const [keys, values] = await Promise.all([done(store.getAllKeys()), done(store.getAll())])
        return keys.map((key, n) => [key, values[n]] as const)
      }),
    )
    now.close()
    await done(indexedDB.deleteDatabase(`unisono-${user}`))
    const first = indexedDB.open(`unisono-${user}`, 1)
    first.onupgradeneeded = () => {
      const queue = first.result.createObjectStore('queue', { autoIncrement: true })
      queue.createIndex('project', 'project')
      queue.createIndex('transaction', 'transaction', { unique: true })
      for (const name of old.slice(1)) first.result.createObjectStore(name)
    }
    const database = await done(first)
    const transaction = database.transaction(old, 'readwrite')
    old.forEach((name, n) => rows[n].forEach(([key, value]) => transaction.objectStore(name).put(value, key)))
    await new Promise((done) => (transaction.oncomplete = done))
    database.close()
  }, user)
}

test('stores of the first schema are brought to this one, and nothing that waited in them is lost (CL2, CL6)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'An old laptop', { bpm: 100 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  await setTempo(page, '92')
  await page.selectOption('[name=timeSignature]', '3/4')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')
  await expect.poll(() => keys(page, 'steps', alice.userId)).toHaveLength(2)
  // A page of this origin that opens no stores.
  await page.goto('/manifest.webmanifest')
  await putFirstSchema(page, alice.userId)
  const before = await readStores(page, alice.userId)
  expect([before.version, Object.keys(before.rows).includes('senders')]).toEqual([1, false])
  expect([before.rows.queue.length, before.rows.snapshots.length]).toEqual([2, 1])

  await page.goto(`/projects/${project}`)
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 2 edits waiting')
  await expect(page.locator('[name=bpm]')).toHaveValue('92')
  await page.locator('body').press('Control+z')
  await expect(page.locator('[name=timeSignature]')).toHaveValue('4/4')
  const after = await readStores(page, alice.userId)
  expect(after.version).toBe(2)
  expect(after.rows.queue.slice(0, 2)).toEqual(before.rows.queue)
  line.mend()
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  const record = await read(alice, 'projects', project)
  expect([record.bpm, record.timeSignature]).toEqual([92, '4/4'])
})
