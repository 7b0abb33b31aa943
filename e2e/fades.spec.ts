// Fades, gain and content of clips: by the pointer at their handles, by keys and in their panel; crossfades.
import type { Page } from '@playwright/test'
import { expect, invite, moveInSteps, newClip, newProject, newTrack, open, read, test, upload, USER_2, write, type Musician } from './band'
import { clipOf } from './duet'
import { listen, putEarTo } from './ear'
import { network } from './offline'
import { sineWav } from './recordings'

async function song(alice: Musician, bob: Musician, name: string, hookAt = 16) {
  const project = await newProject(alice, name)
  await invite(alice, project, USER_2)
  const track = await newTrack(alice, project, 'Voice')
  const verse = await newClip(alice, track, 'Verse', { startBeat: 2, durationBeats: 12, fadeIn: 1 })
  const hook = await newClip(alice, track, 'Hook', { startBeat: hookAt, durationBeats: 8 })
  await open(alice, project)
  await open(bob, project)
  return { verse, hook }
}

/** Drags from one place of a clip to another, in pixels from its left upper corner. */
async function drag(page: Page, clip: string, from: [number, number], by: [number, number], alt = false) {
  const box = (await clipOf(page, clip).boundingBox())!
  await page.mouse.move(box.x + from[0], box.y + from[1])
  if (alt) await page.keyboard.down('Alt')
  await page.mouse.down()
  await page.mouse.move(box.x + from[0] + by[0], box.y + from[1] + by[1], { steps: 6 })
  await page.mouse.up()
  if (alt) await page.keyboard.up('Alt')
}

test('EN3 fades and gain are dragged at their handles, one edit each, and a drag elsewhere still moves the clip', async ({ alice, bob }) => {
  const { verse } = await song(alice, bob, 'Fades')
  const page = alice.page
  const box = (await clipOf(page, verse).boundingBox())!
  const beat = box.width / 12
  const field = async (name: string) => (await read(bob, 'clips', verse))?.[name]
  // The title is 17 pixels high, the handles lie 6 below it.
  await drag(page, verse, [beat, 17 + 6], [beat * 2, 0])
  await expect.poll(() => field('fadeIn')).toBe(3)
  await page.keyboard.press('Control+z')
  await expect.poll(() => field('fadeIn')).toBe(1)
  await drag(page, verse, [box.width - 7, 17 + 6], [-beat * 2, 0])
  await expect.poll(() => field('fadeOut')).toBe(2)
  const middle = 17 + 6 + (1 - Math.cbrt(0.5)) * (box.height - 17 - 12)
  await drag(page, verse, [28, middle], [0, 12])
  await expect.poll(() => field('gain')).toBeLessThan(0.9)
  expect(await field('startBeat')).toBe(2)
  await drag(page, verse, [box.width / 2, 8], [beat, 0])
  await expect(clipOf(bob.page, verse)).toHaveAttribute('data-start-beat', '3')
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('EN3 EN2 all about a clip can be set in its panel and by keys: fades, shapes, gain, reverse, repeat', async ({ alice, bob }) => {
  const { verse } = await song(alice, bob, 'Panel')
  const page = alice.page
  const field = async (name: string) => (await read(bob, 'clips', verse))?.[name]
  await clipOf(page, verse).focus()
  await page.keyboard.press('e')
  const panel = page.getByTestId('clip-panel')
  await panel.getByRole('textbox', { name: 'Fade in, in beats' }).fill('2,5')
  await page.keyboard.press('Enter')
  await expect.poll(() => field('fadeIn')).toBe(2.5)
  await panel.getByLabel('Shape of the fade in').selectOption('Smooth')
  await expect.poll(() => field('fadeInShape')).toBe('smooth')
  await panel.getByRole('textbox', { name: 'Gain, in decibels' }).fill('-6')
  await page.keyboard.press('Enter')
  await expect.poll(() => field('gain')).toBeCloseTo(0.5012, 3)
  await panel.getByTestId('reverse').click()
  await expect.poll(() => field('reversed')).toBe(true)
  await panel.getByTestId('repeat').click()
  await expect.poll(() => field('loopBeats')).toBe(12)
  await expect(clipOf(bob.page, verse)).toHaveAttribute('data-duration-beats', '24')
  await panel.getByTestId('repeat').click()
  await expect(clipOf(bob.page, verse)).toHaveAttribute('data-duration-beats', '12')
  await panel.getByRole('textbox', { name: 'Where in the recording' }).fill('1.5')
  await page.keyboard.press('Enter')
  await expect.poll(() => field('audioStartOffset')).toBe(1.5)
  await page.keyboard.press('Escape')
  await expect(panel).toHaveCount(0)
  await expect(clipOf(page, verse)).toBeFocused()
  await page.keyboard.press('o')
  await expect.poll(() => field('fadeOutShape')).toBe('equalPower')
  await drag(page, verse, [60, 8], [-30, 0], true)
  await expect.poll(() => field('audioStartOffset')).toBeGreaterThan(1.5)
  expect(await field('startBeat')).toBe(2)
})

test('EN3 one command lets clips that overlap lead over into each other, and one undo takes it back', async ({ alice, bob }) => {
  const { verse, hook } = await song(alice, bob, 'Crossfade', 12)
  await clipOf(alice.page, verse).focus()
  await alice.page.keyboard.press('x')
  await expect.poll(async () => (await read(bob, 'clips', verse))?.fadeOut).toBe(2)
  expect(await read(bob, 'clips', hook)).toMatchObject({ fadeIn: 2, fadeInShape: 'equalPower' })
  await alice.page.keyboard.press('Control+z')
  await expect.poll(async () => (await read(bob, 'clips', verse))?.fadeOut).toBe(0)
  expect((await read(bob, 'clips', hook))?.fadeIn).toBe(0)
})

test('EN2 EN3 a clip that is split within its fade keeps it, also split offline while somebody moves it', async ({ alice, bob }, info) => {
  const { page } = alice
  const line = await network(alice.context)
  const project = await newProject(alice, 'Cut in a fade')
  await invite(alice, project, USER_2)
  const file = await upload(alice, project, 'tone.wav', sineWav({ seconds: 10 }))
  const track = await newTrack(alice, project, 'Tone')
  const clip = await newClip(alice, track, 'Tone', { durationBeats: 8, audioFileId: file.id, fadeIn: 2, fadeOut: 6 })
  await open(alice, project)
  await open(bob, project)
  await page.getByTestId('ruler').focus()
  for (let beat = 0; beat < 4; beat++) await page.keyboard.press('ArrowRight')
  await line.cut()
  await clipOf(page, clip).focus()
  await page.keyboard.press('s')
  await expect(page.getByTestId('clip')).toHaveCount(2)
  await page.screenshot({ path: info.outputPath('cut.png') })
  await write(bob, [{ type: 'set', table: 'clips', id: clip, key: 'startBeat', value: 16 }])
  line.mend()
  const later = bob.page.locator('[data-testid=clip][data-start-beat="4"]')
  await expect(later).toHaveCount(1, { timeout: 20_000 })
  expect(await read(bob, 'clips', clip)).toMatchObject({ startBeat: 16, durationBeats: 4, fadeIn: 2, fadeOut: 6, fadeOutBehind: 4 })
  const id = (await later.getAttribute('data-clip-id'))!
  expect(await read(bob, 'clips', id)).toMatchObject({ durationBeats: 4, audioStartOffset: 2, fadeIn: 0, fadeOut: 6 })
  await page.keyboard.press('Control+z')
  await expect(bob.page.getByTestId('clip')).toHaveCount(1)
  const whole = await read(bob, 'clips', clip)
  expect([whole?.startBeat, whole?.durationBeats, whole?.fadeOut, whole?.fadeOutBehind ?? 0]).toEqual([16, 8, 6, 0])
})

test('CL8 a clip’s gain and a point of automation are heard while the hand holds them, and written when it lets go', { tag: '@alone' }, async ({ alice, bob }) => {
  const { page } = alice
  await putEarTo(page)
  const project = await newProject(alice, 'Held')
  await invite(alice, project, USER_2)
  const file = await upload(alice, project, 'tone.wav', sineWav({ seconds: 120, level: 0.5 }))
  const track = await newTrack(alice, project, 'Tone')
  const clip = await newClip(alice, track, 'Tone', { durationBeats: 240, audioFileId: file.id })
  await open(alice, project)
  await open(bob, project)
  const rms = async () => (await listen(page)).rms
  await page.getByTestId('play').click()
  await expect.poll(rms, { timeout: 20_000 }).toBeGreaterThan(0.2)

  const box = (await clipOf(page, clip).boundingBox())!
  const handle = box.y + 17 + 6 + (1 - Math.cbrt(0.5)) * (box.height - 17 - 12)
  await page.mouse.move(box.x + 28, handle)
  await page.mouse.down()
  await page.mouse.move(box.x + 28, handle + box.height, { steps: 4 })
  await expect.poll(rms).toBeLessThan(0.02)
  expect((await read(bob, 'clips', clip))?.gain ?? 1).toBe(1)
  await page.keyboard.press('Escape')
  await page.mouse.up()
  await expect.poll(rms).toBeGreaterThan(0.2)
  expect((await read(bob, 'clips', clip))?.gain ?? 1).toBe(1)

  await page.getByTestId('track').filter({ hasText: 'Tone' }).getByTestId('automation').click()
  const lane = (await page.getByTestId('automation-lane').boundingBox())!
  await page.mouse.move(lane.x + lane.width * 0.4, lane.y + lane.height * 0.3)
  await page.mouse.down()
  await page.mouse.move(lane.x + lane.width * 0.4, lane.y + lane.height - 2, { steps: 4 })
  await expect.poll(rms).toBeLessThan(0.02)
  await bob.page.getByTestId('track').filter({ hasText: 'Tone' }).getByTestId('automation').click()
  await expect(bob.page.getByTestId('point')).toHaveCount(0)
  await page.mouse.up()
  await expect(bob.page.getByTestId('point')).toHaveCount(1)
  expect(await rms()).toBeLessThan(0.02)

  // The lanes that are shown are shown again.
  await page.reload()
  await expect(page.getByTestId('automation-lane')).toHaveCount(1)
  await expect(page.getByTestId('point')).toHaveCount(1)
  // The pencil draws without a key.
  await page.getByTestId('pencil').click()
  const again = (await page.getByTestId('automation-lane').boundingBox())!
  const [from, to] = [[0.6, 0.5], [0.8, 0.2]].map(([x, y]): [number, number] => [again.x + again.width * x, again.y + again.height * y])
  await page.mouse.move(...from)
  await page.mouse.down()
  await moveInSteps(page, from, to, 8)
  await page.mouse.up()
  await expect.poll(() => bob.page.getByTestId('point').count()).toBeGreaterThan(3)
})
