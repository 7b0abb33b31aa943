// The app on the device: it opens without a network, is replaced by a newer one when its person says so, and can be installed.
import type { Page } from '@playwright/test'
import { expect, newProject, open } from './band'
import { test } from './go_between'

/** Waits until the worker has kept everything and answers this page's requests. */
async function untilKept(page: Page) {
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated')
}

const release = (page: Page) => page.locator('meta[name=release]').getAttribute('content')
const waits = (page: Page) =>
  page.evaluate(async () => Boolean((await navigator.serviceWorker.getRegistration())?.waiting))
const caches = (page: Page) => page.evaluate(async () => (await window.caches.keys()).sort())
/** Has the page look for a new release as it does when the network comes back. */
const look = (page: Page) => page.evaluate(() => void window.dispatchEvent(new Event('online')))
const newVersion = (page: Page) => page.getByTestId('toast').filter({ hasText: 'A new version is ready' })

test('a reload without a network opens the app, isolated as before (CL6)', async ({ alice }) => {
  const { page, context } = alice
  await page.goto('/projects')
  await expect(page.getByTestId('account')).toBeVisible()
  await untilKept(page)
  await context.setOffline(true)
  await page.reload()
  await expect(page.locator('.wordmark')).toBeVisible()
  expect(await page.evaluate(() => [crossOriginIsolated, typeof SharedArrayBuffer])).toEqual([true, 'function'])
  // An address of the app that was never opened, and a form of the server's, which says what is the matter.
  await page.goto('/account')
  await expect(page.getByRole('heading', { name: 'You are offline' })).toBeVisible()
  await page.getByRole('link', { name: 'All projects' }).click()
  await expect(page).toHaveURL(/\/projects$/)
  await expect(page.locator('.wordmark')).toBeVisible()
  await context.setOffline(false)
  await page.reload()
  await expect(page.getByTestId('account')).toBeVisible()
})

test('the page that was kept has the policy of the server’s', async ({ alice }) => {
  const { page, context } = alice
  await page.goto('/projects')
  await untilKept(page)
  const names = ['content-security-policy', 'cross-origin-opener-policy', 'cross-origin-embedder-policy', 'cross-origin-resource-policy']
  const sent = (await page.request.get('/projects')).headers()
  await context.setOffline(true)
  const kept = (await page.reload())!
  expect(kept.fromServiceWorker()).toBe(true)
  for (const name of names) {
    expect(sent[name]).toBeTruthy()
    expect(kept.headers()[name], name).toBe(sent[name])
  }
})

test('nothing of /api is kept, whatever was done (CL6)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Kept apart')
  await open(alice, project)
  await untilKept(page)
  await page.goto('/projects')
  await expect(page.getByTestId('account')).toBeVisible()
  const kept = await page.evaluate(async () => {
    const all: string[] = []
    for (const name of await window.caches.keys()) {
      all.push(...(await (await window.caches.open(name)).keys()).map((request) => new URL(request.url).pathname))
    }
    return all
  })
  expect(kept).toContain('/index.html')
  expect(kept.filter((path) => !/^\/(assets\/|index\.html$|manifest\.webmanifest$)/.test(path))).toEqual([])
})

test('a new release waits until its person reloads; other tabs are told, and stay as they are (CL6)', async ({ alice, between }) => {
  const { page, context } = alice
  await page.goto(`${between.url}/projects`)
  await untilKept(page)
  const other = await context.newPage()
  await other.goto(`${between.url}/projects`)
  await untilKept(other)
  const old = await release(page)
  await expect(newVersion(page)).toHaveCount(0)

  between.release = { name: 'tomorrow' }
  await look(page)
  await expect(newVersion(page)).toBeVisible()
  expect(await waits(page)).toBe(true)
  expect(await release(page)).toBe(old)

  await newVersion(page).getByRole('button', { name: 'Reload' }).click()
  await expect.poll(() => release(page).catch(() => old)).toBe('tomorrow')
  await expect.poll(() => waits(page)).toBe(false)
  expect(await caches(page)).toContain('app-tomorrow')
  await expect(newVersion(other)).toBeVisible()
  expect(await release(other)).toBe(old)

  await context.setOffline(true)
  await page.reload()
  await expect(page.locator('.wordmark')).toBeVisible()
  expect(await release(page)).toBe('tomorrow')
})

test('online, the server’s page is shown whatever was kept, and its release takes over by itself (CL6)', async ({ alice, between }) => {
  const { page, context } = alice
  await page.goto(`${between.url}/projects`)
  await untilKept(page)
  between.release = { name: 'tomorrow' }
  await page.reload()
  expect(await release(page)).toBe('tomorrow')
  await expect.poll(() => caches(page)).toContain('app-tomorrow')
  await expect.poll(() => waits(page)).toBe(false)
  await expect(newVersion(page)).toHaveCount(0)
  await context.setOffline(true)
  await page.reload()
  expect(await release(page)).toBe('tomorrow')
})

test('a release with other stores does not take over from pages that have not migrated (CL6)', async ({ alice, between }) => {
  const { page, context } = alice
  await page.goto(`${between.url}/projects`)
  await untilKept(page)
  const old = await release(page)
  between.release = { name: 'next-year', stores: 1_000 }
  await look(page)
  await newVersion(page).getByRole('button', { name: 'Reload' }).click()
  await expect.poll(() => release(page).catch(() => old)).toBe('next-year')
  // This page says that its stores are as they were: the release that reads others goes on waiting.
  await expect.poll(() => waits(page)).toBe(true)
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated')
  expect(await waits(page)).toBe(true)
  await context.setOffline(true)
  await page.reload()
  await expect(page.locator('.wordmark')).toBeVisible()
  expect(await release(page)).toBe(old)
})

test('an install that fails breaks nothing: neither the first one nor a later one', async ({ alice, between }) => {
  const { page, context } = alice
  const files = JSON.parse(await between.fetchText('/manifest.json'))
  between.missing.add(files['worklet.js'])
  await page.goto(`${between.url}/projects`)
  await expect(page.getByTestId('account')).toBeVisible()
  const registered = () => page.evaluate(async () => Boolean(await navigator.serviceWorker.getRegistration()))
  await expect.poll(async () => (await registered()) || (await caches(page)).length > 0, { timeout: 10_000 }).toBe(false)
  await page.reload()
  await expect(page.getByTestId('account')).toBeVisible()

  between.missing.clear()
  await page.reload()
  await untilKept(page)
  const old = await release(page)
  between.release = { name: 'broken' }
  between.missing.add('/index.html')
  await page.evaluate(async () => void (await (await navigator.serviceWorker.getRegistration())!.update().catch(() => {})))
  await expect.poll(() => caches(page)).toEqual([`app-${old}`])
  await context.setOffline(true)
  await page.reload()
  await expect(page.locator('.wordmark')).toBeVisible()
  expect(await release(page)).toBe(old)
})

for (const [what, script] of [
  ['where there are no service workers', () => Object.defineProperty(Navigator.prototype, 'serviceWorker', { get: () => undefined })],
  ['where the browser refuses them', () => (ServiceWorkerContainer.prototype.register = () => Promise.reject(new Error('refused')))],
] as const) {
  test(`the studio works ${what}`, async ({ alice }) => {
    await alice.page.addInitScript(script)
    const project = await newProject(alice, 'Plain')
    await open(alice, project)
    await alice.page.getByTestId('add-track').click()
    await expect(alice.page.getByTestId('track')).toHaveCount(1)
    // Longer than it takes to look for a worker.
    await alice.page.waitForTimeout(2_500)
    await expect(alice.page.getByTestId('toast')).toHaveCount(0)
    expect(alice.complaints).toEqual([])
  })
}

test('the app can be installed: manifest, icons, and links to them on every page', async ({ alice }) => {
  const { page } = alice
  await page.goto('/projects')
  await untilKept(page)
  const session = await page.context().newCDPSession(page)
  const { errors, url } = await session.send('Page.getAppManifest')
  expect(errors).toEqual([])
  expect(new URL(url).pathname).toBe('/manifest.webmanifest')
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // Tests run in windows that keep nothing, where browsers install nothing.
  expect(installabilityErrors.map((error) => error.errorId).filter((id) => id !== 'in-incognito')).toEqual([])

  const answer = await page.request.get('/manifest.webmanifest')
  expect(answer.headers()['content-type']).toBe('application/manifest+json')
  expect(answer.headers()['cache-control']).toBe('no-cache')
  const about = await answer.json()
  expect([about.id, about.scope, about.start_url, about.display]).toEqual(['/', '/', '/projects', 'standalone'])
  for (const icon of about.icons) {
    const picture = await page.request.get(icon.src)
    expect([picture.status(), picture.headers()['content-type']], icon.src).toEqual([200, icon.type])
    if (icon.type !== 'image/png') continue
    const bytes = await picture.body()
    expect(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, icon.src).toBe(icon.sizes)
  }
  const worker = await page.request.get('/service_worker.js')
  expect([worker.headers()['content-type'], worker.headers()['cache-control']]).toEqual(['text/javascript; charset=utf-8', 'no-cache'])
  for (const path of ['/projects', '/projects/new', '/account']) {
    const text = await (await page.request.get(path)).text()
    expect(text, path).toMatch(/<link rel="manifest" href="\/manifest\.webmanifest"/)
    expect(text, path).toMatch(/<link rel="apple-touch-icon" href="\/assets\/icon-192-/)
  }
})
