// Who does what right now: pointers, selections, playheads and clips in others' hands; and mute and solo for oneself only.
import type { Page } from '@playwright/test'
import { expect, invite, newClip, newProject, newTrack, open, read, test, upload, USER_2, type Musician } from './band'
import { listen, putEarTo } from './ear'
import { sineWav } from './recordings'

/** A project of Alice's with two tracks and two clips at beats 4 and 12, open in both browsers. */
async function duet(alice: Musician, bob: Musician, name: string) {
  const project = await newProject(alice, name)
  await invite(alice, project, USER_2)
  const bass = await newTrack(alice, project, 'Bass')
  const drums = await newTrack(alice, project, 'Drums')
  const riff = await newClip(alice, bass, 'Riff', { startBeat: 4 })
  const fill = await newClip(alice, drums, 'Fill', { startBeat: 12 })
  await open(alice, project)
  await open(bob, project)
  await expect(clipOf(bob.page, fill)).toHaveAttribute('data-start-beat', '12')
  await expect(clipOf(alice.page, fill)).toHaveAttribute('data-start-beat', '12')
  return { project, bass, drums, riff, fill }
}

const clipOf = (page: Page, id: string) => page.locator(`[data-testid=clip][data-clip-id="${id}"]`)
const middle = async (page: Page, id: string) => {
  const box = (await clipOf(page, id).boundingBox())!
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

test('a pointer is seen by the other, and gone when they leave (PR1)', async ({ alice, bob }) => {
  const { riff } = await duet(alice, bob, 'Pointers')
  const pointer = alice.page.getByTestId('peer-pointer')
  await expect(pointer).toHaveCount(0)
  const at = await middle(bob.page, riff)
  await bob.page.mouse.move(at.x, at.y)
  await expect(pointer).toBeVisible()
  const name = (await pointer.textContent())!
  expect(name.length).toBeGreaterThan(0)
  // Both browsers show the same part of the song: it points at the same clip.
  const over = await clipOf(alice.page, riff).boundingBox()
  await expect(async () => {
    const box = (await pointer.boundingBox())!
    expect(box.x).toBeGreaterThan(over!.x)
    expect(box.x).toBeLessThan(over!.x + over!.width)
    expect(box.y).toBeGreaterThan(over!.y)
    expect(box.y).toBeLessThan(over!.y + over!.height)
  }).toPass()
  // Off the lanes, nobody sees it.
  await bob.page.mouse.move(5, 5)
  await expect(pointer).toHaveCount(0)
  await bob.page.mouse.move(at.x, at.y)
  await expect(pointer).toBeVisible()
  await bob.page.close()
  await expect(pointer).toHaveCount(0)
  await expect(alice.page.getByTestId('peer')).toHaveCount(0)
  expect(alice.complaints).toEqual([])
})

test('a clip in the hand is seen where it would land; one transaction when it is let go (CL8)', async ({ alice, bob }) => {
  const { project, riff, drums } = await duet(alice, bob, 'In the hand')
  const seq = async () => (await (await alice.page.request.get(`/api/projects/${project}/records`)).json()).seq as number
  const before = await seq()
  const from = await middle(bob.page, riff)
  const lane = (await bob.page.locator(`[data-testid=track][data-track-id="${drums}"]`).boundingBox())!
  await bob.page.mouse.move(from.x, from.y)
  await bob.page.mouse.down()
  await expect(alice.page.getByTestId('peer-selection')).toHaveCount(1)
  for (let step = 1; step <= 10; step++) await bob.page.mouse.move(from.x + 12 * step, from.y + (lane.height / 10) * step)
  const ghost = alice.page.getByTestId('peer-ghost')
  await expect(ghost).toHaveText('Riff')
  const there = (await clipOf(alice.page, riff).boundingBox())!
  await expect.poll(async () => (await ghost.boundingBox())!.x).toBeGreaterThan(there.x + 60)
  expect((await ghost.boundingBox())!.y).toBeGreaterThan(there.y + there.height / 2)
  // In words, for those who do not see it.
  await alice.page.getByTestId('presence').click()
  await expect(alice.page.getByTestId('people-panel')).toContainText(/Dragging Riff at bar \d/)
  await alice.page.keyboard.press('Escape')
  // Nothing is written so far.
  expect(await seq()).toBe(before)
  expect((await read(alice, 'clips', riff)).startBeat).toBe(4)
  await bob.page.mouse.up()
  await expect(ghost).toHaveCount(0)
  await expect(clipOf(alice.page, riff)).toHaveAttribute('data-track-id', drums)
  expect(await seq()).toBe(before + 1)
})

test('a fader and a knob in the hand are seen by the other, with whose hand it is; one transaction each (CL8)', async ({ alice, bob }) => {
  const { project, bass, riff } = await duet(alice, bob, 'Faders in hands')
  const seq = async () => (await (await alice.page.request.get(`/api/projects/${project}/records`)).json()).seq as number
  const strip = (page: Page) => page.locator(`[data-testid=strip][data-track-id="${bass}"]`)
  const before = await seq()
  for (const [n, [control, name, by]] of ([['fader', 'volume', 60], ['pan', 'pan', 40]] as const).entries()) {
    const [hers, his] = [strip(alice.page).getByTestId(control), strip(bob.page).getByTestId(control)]
    const [rest, written] = [await hers.getAttribute('aria-valuenow'), (await read(alice, 'tracks', bass))[name]]
    const box = (await his.boundingBox())!
    await bob.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await bob.page.mouse.down()
    await bob.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + by, { steps: 6 })
    await expect(hers).not.toHaveAttribute('aria-valuenow', rest!)
    await expect(hers).toHaveAttribute('aria-valuenow', (await his.getAttribute('aria-valuenow'))!)
    await expect(hers).toHaveClass(/is-elsewhere/)
    await expect(strip(alice.page).getByTestId('held-by')).toBeVisible()
    // Nothing is written so far; then once.
    expect((await read(alice, 'tracks', bass))[name]).toBe(written)
    expect(await seq()).toBe(before + n)
    await bob.page.mouse.up()
    await expect(strip(alice.page).getByTestId('held-by')).toHaveCount(0)
    await expect(hers).toHaveAttribute('aria-valuenow', (await his.getAttribute('aria-valuenow'))!)
    await expect.poll(seq).toBe(before + n + 1)
  }
  // Given up, it goes back; gone, it leaves nothing behind.
  const hers = strip(alice.page).getByTestId('fader')
  const rest = (await hers.getAttribute('aria-valuenow'))!
  for (const end of [() => bob.page.keyboard.press('Escape'), () => bob.page.close()]) {
    const his = strip(bob.page).getByTestId('fader')
    const box = (await his.boundingBox())!
    await his.focus()
    await bob.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await bob.page.mouse.down()
    await bob.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + 50, { steps: 4 })
    await expect(hers).not.toHaveAttribute('aria-valuenow', rest)
    await end()
    await expect(hers).toHaveAttribute('aria-valuenow', rest)
    if (!bob.page.isClosed()) await bob.page.mouse.up()
  }
  expect(await seq()).toBe(before + 2)
  expect((await read(alice, 'clips', riff)).startBeat).toBe(4)
  expect(alice.complaints).toEqual([])
})

test('others’ playheads are shown to those who want them', async ({ alice, bob }) => {
  await duet(alice, bob, 'Playheads')
  const line = alice.page.getByTestId('peer-playhead')
  await expect(line).toHaveCount(1)
  await bob.page.getByTestId('play').click()
  await expect(line).toHaveClass(/is-playing/)
  const first = (await line.boundingBox())!.x
  await expect.poll(async () => (await line.boundingBox())!.x).toBeGreaterThan(first + 5)
  await bob.page.getByTestId('play').click()
  await alice.page.getByTestId('presence').click()
  await alice.page.getByTestId('show-playheads').uncheck()
  await expect(line).toHaveCount(0)
  await alice.page.reload()
  await expect(alice.page.getByTestId('peer')).toHaveCount(1)
  await expect(line).toHaveCount(0)
})

test('mute and solo for me are heard by me alone, and kept in this browser', { tag: '@alone' }, async ({ alice, bob }) => {
  await putEarTo(alice.page)
  await putEarTo(bob.page)
  const project = await newProject(alice, 'For me')
  await invite(alice, project, USER_2)
  const file = await upload(alice, project, 'tone.wav', sineWav({ seconds: 120, level: 0.5 }))
  const tone = await newTrack(alice, project, 'Tone')
  await newTrack(alice, project, 'Nothing')
  await newClip(alice, tone, 'Tone', { durationBeats: 240, audioFileId: file.id })
  await open(alice, project)
  await open(bob, project)
  const strip = (page: Page, index: number) => page.getByTestId('strip').nth(index)
  await expect(strip(alice.page, 1)).toBeVisible()
  for (const { page } of [alice, bob]) {
    await page.getByTestId('play').click()
    await expect.poll(async () => (await listen(page)).rms).toBeGreaterThan(0.05)
  }
  await alice.page.getByTestId('for-me').click()
  await strip(alice.page, 1).getByTestId('solo').click()
  await expect(strip(alice.page, 1).getByTestId('solo')).toHaveAttribute('aria-label', 'Solo Nothing for me')
  await expect(strip(alice.page, 1).getByTestId('solo')).toHaveAttribute('aria-pressed', 'true')
  await expect(strip(alice.page, 1).getByTestId('solo')).toHaveClass(/is-own/)
  await expect.poll(async () => (await listen(alice.page)).peak).toBeLessThan(0.001)
  expect((await listen(bob.page)).rms).toBeGreaterThan(0.05)
  await expect(strip(bob.page, 1).getByTestId('solo')).toHaveAttribute('aria-pressed', 'false')
  const tracks = (await (await alice.page.request.get(`/api/projects/${project}/records`)).json()).recordMap.tracks
  expect(Object.values(tracks).some((track) => (track as { solo: boolean }).solo)).toBe(false)

  // It is there after a reload, and goes when it is cleared.
  await alice.page.reload()
  await expect(strip(alice.page, 1).getByTestId('solo')).toHaveClass(/is-own/)
  await alice.page.getByTestId('play').click()
  await expect.poll(async () => (await listen(alice.page)).peak).toBeLessThan(0.001)
  await alice.page.getByTestId('clear-own').click()
  await expect.poll(async () => (await listen(alice.page)).rms).toBeGreaterThan(0.05)
  // For all again: both hear nothing.
  await alice.page.getByTestId('for-all').click()
  await strip(alice.page, 1).getByTestId('solo').click()
  await expect(strip(bob.page, 1).getByTestId('solo')).toHaveAttribute('aria-pressed', 'true')
  await expect.poll(async () => (await listen(bob.page)).peak).toBeLessThan(0.001)
  expect([...alice.complaints, ...bob.complaints]).toEqual([])
})

test('others and the switch for whom fit on both screens', async ({ alice, bob }, info) => {
  const { riff, fill } = await duet(alice, bob, 'Sizes of others')
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await alice.page.setViewportSize({ width, height })
    await clipOf(bob.page, fill).click()
    const at = await middle(bob.page, riff)
    await bob.page.mouse.move(at.x, at.y)
    await expect(alice.page.getByTestId('peer')).toHaveCount(1)
    if (width < 760) await alice.page.getByRole('button', { name: 'Mixer' }).click()
    await alice.page.getByTestId('for-me').click()
    await alice.page.getByTestId('strip').first().getByTestId('mute').click()
    for (const key of ['for-all', 'for-me', 'clear-own']) {
      const box = (await alice.page.getByTestId(key).boundingBox())!
      expect(box.x + box.width, key).toBeLessThanOrEqual(width)
      if (width < 760) expect(box.height, key).toBeGreaterThanOrEqual(44)
    }
    await alice.page.screenshot({ path: info.outputPath(`presence-${width}.png`) })
    await alice.page.getByTestId('clear-own').click()
  }
})
