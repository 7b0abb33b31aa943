// What lies over what: messages, panels and the transport, on a wide screen and on a phone.
import type { Locator, Page } from '@playwright/test'
import { clipOf, duet } from './duet'
import { expect, newId, newProject, newTrack, open, test, write } from './band'
import { kept, network, setTempo } from './offline'

const PHONE = { width: 390, height: 844 }
const overlap = async (one: Locator, other: Locator) => {
  const [a, b] = [(await one.boundingBox())!, (await other.boundingBox())!]
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}
/** Whether a press in the middle of something reaches it. */
const isReached = (thing: Locator) =>
  thing.evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect()
    const hit = document.elementFromPoint(left + width / 2, top + height / 2)
    return hit !== null && element.contains(hit)
  })
const addEqualiser = async (page: Page) => {
  await page.getByTestId('strip').first().locator('.rack-button').click()
  await page.getByTestId('add-effect').selectOption('eq')
  await expect(page.getByTestId('device')).toHaveCount(1)
}

test('a message lies over no fader and goes when what it offers has been done', async ({ alice, bob }) => {
  const { page } = alice
  const { riff } = await duet(alice, bob, 'Messages')
  await clipOf(page, riff).focus()
  await page.keyboard.press('Delete')
  const message = page.getByTestId('toast').filter({ hasText: 'was deleted' })
  await expect(message).toBeVisible()
  expect(await overlap(message, page.getByTestId('mixer'))).toBe(false)
  await page.keyboard.press('Control+z')
  await expect(clipOf(page, riff)).toHaveCount(1)
  await expect(message).toHaveCount(0)
})

test('an equaliser is seen whole beside the tracks, and the loudness beside it covers nothing', async ({ alice }, info) => {
  const { page } = alice
  await page.setViewportSize({ width: 1440, height: 900 })
  const project = await newProject(alice, 'Panels')
  await newTrack(alice, project, 'Bass')
  await open(alice, project)
  await addEqualiser(page)
  await page.getByTestId('meters-button').click()
  await expect(page.getByTestId('meter-panel')).toBeVisible()
  expect(await isReached(page.getByTestId('add-effect'))).toBe(true)
  expect(await isReached(page.getByRole('button', { name: 'Close the effects' }))).toBe(true)
  const chain = page.locator('.rack-chain')
  expect(await chain.evaluate((chain) => chain.scrollHeight - chain.clientHeight)).toBe(0)
  expect(await overlap(page.getByTestId('rack'), page.getByTestId('track').first().locator('.head-name'))).toBe(false)
  await page.screenshot({ path: info.outputPath('equaliser.png') })
})

test('on a phone one plays while effects or the history are open, and everything is large enough for a thumb', async ({ alice }, info) => {
  const { page } = alice
  const project = await newProject(alice, 'Thumbs')
  const track = await newTrack(alice, project, 'Bass')
  const points = [{ id: 'a', beat: 0, value: 0.5 }, { id: 'near', beat: 0.25, value: 0.5 }, { id: 'b', beat: 8, value: 1 }]
  const lane = newId()
  await write(alice, [{ type: 'set', table: 'automation', id: lane, key: '', value: { id: lane, trackId: track, parameter: 'volume', points } }])
  await page.setViewportSize(PHONE)
  await open(alice, project)
  const thumb = async (things: Locator) => {
    for (const thing of await things.all()) {
      const box = (await thing.boundingBox())!
      expect(Math.min(box.width, box.height), await thing.evaluate((element) => element.outerHTML.slice(0, 160))).toBeGreaterThanOrEqual(43.9)
    }
  }
  await thumb(page.locator('.transport button:visible, .transport input:visible, .transport select:visible, .faces:visible'))
  expect((await page.locator('.transport').boundingBox())!.height).toBeLessThanOrEqual(120)
  await page.getByTestId('track-menu').click()
  await page.getByRole('menuitem', { name: 'Automation' }).click()
  await expect(page.getByTestId('automation-head')).toBeVisible()
  expect((await page.getByTestId('automation-head').locator('.fader-number').boundingBox())!.width).toBeGreaterThan(80)
  await thumb(page.getByTestId('automation-head').locator('button, input, select'))
  // Points whose targets would lie over each other wait for the zoom.
  await expect(page.getByTestId('point')).toHaveCount(2)
  await page.screenshot({ path: info.outputPath('automation.png') })

  await page.locator('.switcher').getByRole('button', { name: 'Mixer' }).click()
  await addEqualiser(page)
  expect(await isReached(page.getByTestId('play'))).toBe(true)
  await thumb(page.getByTestId('device').locator('button:visible, select:visible, .pan:visible, input:visible'))
  await page.screenshot({ path: info.outputPath('rack.png') })
  await page.locator('.switcher').getByRole('button', { name: 'History' }).click()
  await expect(page.getByRole('heading', { name: 'History' })).toBeVisible()
  expect(await isReached(page.getByTestId('play'))).toBe(true)
  await page.locator('.switcher').getByRole('button', { name: 'Tracks' }).click()
  await expect(page.getByRole('heading', { name: 'History' })).toHaveCount(0)
  expect(await isReached(page.getByTestId('ruler'))).toBe(true)
  await page.setViewportSize({ width: 1280, height: 800 })
  await expect(page.getByTestId('point')).toHaveCount(3)
  expect(alice.complaints).toEqual([])
})

test('the top bar fits on every width, with edits that wait and others in the song, and leaves room for its name', async ({ alice, bob }, info) => {
  const { page } = alice
  const line = await network(alice.context)
  const { project } = await duet(alice, bob, 'A song with a name of some length')
  await kept(page, alice.userId, project)
  await line.cut()
  await setTempo(page, '93.5')
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  const bar = page.locator('.topbar')
  for (const width of [1600, 1440, 1401, 1400, 1280, 1279, 1181, 1024, 820]) {
    await page.setViewportSize({ width, height: 800 })
    const right = await bar.evaluate((bar) => Math.max(...[...bar.querySelectorAll('*')].map((part) => part.getBoundingClientRect().right)))
    expect(right, `at ${width}`).toBeLessThanOrEqual(width)
    expect((await page.getByLabel('Project name').boundingBox())!.width, `at ${width}`).toBeGreaterThan(80)
    expect(await overlap(page.locator('.topbar-start'), page.locator('.transport')), `at ${width}`).toBe(false)
    expect(await overlap(page.locator('.transport'), page.locator('.topbar-end')), `at ${width}`).toBe(false)
    if (width === 1280 || width === 1181) await page.screenshot({ path: info.outputPath(`top-${width}.png`) })
  }
})

test('an added track is brought into view', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Below')
  for (let n = 1; n <= 12; n++) await newTrack(alice, project, `Part ${n}`)
  await open(alice, project)
  await page.locator('.toolbar').getByRole('button', { name: /Add track/ }).click()
  await expect(page.getByTestId('track').filter({ hasText: 'Track 1' })).toBeInViewport()
  const [track, mixer] = [page.getByTestId('track').filter({ hasText: 'Track 1' }), page.getByRole('region', { name: 'Mixer' })]
  await expect.poll(() => overlap(track.locator('.head-name'), mixer)).toBe(false)
})

test('an address that leads nowhere shows a page with a way back; programs get JSON', async ({ alice }) => {
  const { page } = alice
  const answer = await page.goto('/nonsense')
  expect(answer!.status()).toBe(404)
  await expect(page.getByRole('heading')).toHaveText('There is nothing here')
  await page.getByRole('link', { name: 'All projects' }).click()
  await expect(page).toHaveURL(/\/projects$/)
  for (const [path, accept] of [['/nonsense', 'application/json'], ['/api/nonsense', 'text/html']]) {
    const told = await page.request.get(path, { headers: { accept } })
    expect(told.status()).toBe(404)
    expect(await told.json()).toHaveProperty('message')
  }
})
