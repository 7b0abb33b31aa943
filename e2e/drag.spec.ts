// What is dragged is written once, when it is let go (CL8): counted where it leaves the browser.
import type { Locator, Page } from '@playwright/test'
import { expect, invite, newClip, newProject, newTrack, open, read, test, USER_2 } from './band'
import { kept, keys, network } from './offline'

/** Drags from the middle of something, in many small moves; lets go in the end. */
async function drag(page: Page, what: Locator, by: { x: number; y: number }, inTheHand: () => Promise<void>, halfway = async () => {}) {
  const box = (await what.boundingBox())!
  const from = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  for (let step = 1; step <= 20; step++) {
    await page.mouse.move(from.x + (by.x / 20) * step, from.y + (by.y / 20) * step)
    if (step === 10) await halfway()
  }
  await inTheHand()
  await page.mouse.up()
}

const saved = (page: Page) => expect(page.getByTestId('sync-state')).toHaveText('Saved')

test('dragging a clip, a fader and a knob sends one transaction each, on release (CL8)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'By hand')
  const eq = { id: 'eq', type: 'filter', bypassed: false, params: {} }
  const track = await newTrack(alice, project, 'Bass', { plugins: [eq] })
  const clip = await newClip(alice, track, 'Riff', { startBeat: 4 })
  const line = await network(page)
  await open(alice, project)
  const written = async (what: Locator, by: { x: number; y: number }, attribute: string) => {
    await saved(page)
    const before = line.transactions()
    let presences = line.presences()
    const old = await what.getAttribute(attribute)
    const isTold = async () => {
      await expect.poll(() => line.presences()).toBeGreaterThan(presences)
      presences = line.presences()
    }
    const inTheHand = async () => {
      // Others are told of both halves of the way, and nothing is written.
      await isTold()
      expect(line.transactions()).toBe(before)
    }
    await drag(page, what, by, inTheHand, isTold)
    await expect(what).not.toHaveAttribute(attribute, old!)
    await expect.poll(() => line.transactions()).toBe(before + 1)
    await saved(page)
    expect(line.transactions()).toBe(before + 1)
  }

  const riff = page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)
  await written(riff, { x: 160, y: 0 }, 'data-start-beat')
  expect((await read(alice, 'clips', clip)).startBeat).toBeGreaterThan(4)
  const strip = page.locator(`[data-testid=strip][data-track-id="${track}"]`)
  await written(strip.getByTestId('fader'), { x: 0, y: 40 }, 'aria-valuenow')
  expect((await read(alice, 'tracks', track)).volume).toBeLessThan(1)
  await strip.getByTestId('rack-button').click()
  const knob = page.getByTestId('rack').getByTestId('knob').first()
  await written(knob, { x: 0, y: -30 }, 'aria-valuenow')
})

test('twenty moves of a fader without the server wait as one edit, and arrive as the last of them (CL8)', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Up and up')
  const track = await newTrack(alice, project, 'Bass', { volume: 0.1 })
  const line = await network(alice.context)
  await open(alice, project)
  await kept(page, alice.userId, project)
  await line.cut()
  const fader = page.locator(`[data-testid=strip][data-track-id="${track}"] [data-testid=fader]`)
  await fader.focus()
  for (let move = 0; move < 20; move++) await fader.press('ArrowUp')
  const shown = Number(await fader.getAttribute('aria-valuenow'))
  expect(shown).toBeGreaterThan(0.5)
  await expect(page.getByTestId('sync-state')).toHaveText('Offline, 1 edit waiting')
  await expect.poll(() => keys(page, 'queue', alice.userId)).toHaveLength(1)
  line.mend()
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 30_000 })
  expect(line.transactions()).toBe(1)
  expect((await read(alice, 'tracks', track)).volume).toBeCloseTo(shown, 3)
  // One step, too.
  await page.locator('body').press('Control+z')
  await expect.poll(async () => (await read(alice, 'tracks', track)).volume).toBe(0.1)
})

test('a clip does not go to a bus: it is told why, by hand nothing is written, and keys go past it (CL8)', async ({ alice, bob }) => {
  const { page } = alice
  const project = await newProject(alice, 'No clips there')
  await invite(alice, project, USER_2)
  const track = await newTrack(alice, project, 'Bass')
  await newTrack(alice, project, 'Echo', { type: 'bus' })
  const last = await newTrack(alice, project, 'Keys')
  const clip = await newClip(alice, track, 'Riff', { startBeat: 4 })
  const line = await network(page)
  await open(alice, project)
  await open(bob, project)
  await saved(page)
  const riff = page.locator(`[data-testid=clip][data-clip-id="${clip}"]`)
  const lane = (await page.getByTestId('track').first().boundingBox())!.height
  await drag(page, riff, { x: 60, y: lane }, async () => {
    await expect(page.locator('.lanes')).toHaveClass(/is-barred/)
    await page.waitForTimeout(200)
    await expect(bob.page.getByTestId('peer-ghost')).toHaveCount(0)
  })
  await expect(page.getByTestId('toast')).toContainText('have no clips')
  await expect(riff).toHaveAttribute('data-start-beat', '4')
  await expect(riff).toHaveAttribute('data-track-id', track)
  await saved(page)
  expect(line.transactions()).toBe(0)
  await riff.focus()
  await riff.press('ArrowDown')
  await expect(riff).toHaveAttribute('data-track-id', last)
  await riff.press('ArrowUp')
  await expect(riff).toHaveAttribute('data-track-id', track)
  // A file that is dragged there says so, and would get a track of its own.
  const bus = (await page.getByTestId('track').nth(1).boundingBox())!
  await page.evaluate(([x, y]) => {
    const data = new DataTransfer()
    data.items.add(new File(['x'], 'x.wav'))
    window.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, clientX: x, clientY: y, bubbles: true, cancelable: true }))
  }, [bus.x + bus.width + 200, bus.y + bus.height / 2])
  await expect(page.locator('.drop-hint')).toContainText('a track of its own')
  await expect(page.locator('.drop-hint')).toContainText('A bus')
})
