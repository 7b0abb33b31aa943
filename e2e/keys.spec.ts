// By keyboard alone: one tab stop for the clips, the list of keys, single letters off, split, duplicate, trim.
import type { Page } from '@playwright/test'
import { expect, newClip, newId, newProject, newTrack, open, read, test, write, type Musician } from './band'
import { clipOf } from './duet'

/** Three clips on one track and one on another. */
async function song(alice: Musician, name: string) {
  const project = await newProject(alice, name, { bpm: 120 })
  const [bass, keys] = [await newTrack(alice, project, 'Bass'), await newTrack(alice, project, 'Keys')]
  const clips: string[] = []
  for (const start of [0, 8, 16]) clips.push(await newClip(alice, bass, `At ${start}`, { startBeat: start }))
  clips.push(await newClip(alice, keys, 'Chord', { startBeat: 9 }))
  await open(alice, project)
  return { project, bass, keys, clips }
}
const focused = (page: Page) => page.evaluate(() => (document.activeElement as HTMLElement)?.dataset.clipId)
const stops = (page: Page, what: string) => page.locator(`${what}[tabindex="0"]`)
const selected = (page: Page) => page.locator('[data-testid=clip][aria-selected=true]')

test('the clips are one stop of the Tab key, and keys go from clip to clip', async ({ alice }) => {
  const { page } = alice
  const { clips: [first, second, third, chord] } = await song(alice, 'One stop')
  await expect(page.getByTestId('clip')).toHaveCount(4)
  await expect(stops(page, '[data-testid=clip]')).toHaveCount(1)
  await stops(page, '[data-testid=clip]').focus()
  expect(await focused(page)).toBe(first)
  for (const [key, next] of [['Alt+ArrowRight', second], ['.', third], ['.', third], ['Alt+ArrowLeft', second], ['Alt+ArrowDown', chord], [',', chord], ['Alt+ArrowUp', second]]) {
    await page.keyboard.press(key)
    await expect.poll(() => focused(page), key).toBe(next)
    await expect(stops(page, '[data-testid=clip]')).toHaveAttribute('data-clip-id', next)
  }
  // Nothing was moved by going there.
  await expect(clipOf(page, second)).toHaveAttribute('data-start-beat', '8')
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-disabled', 'true')
  // Tab leaves the list, and comes back to where one was.
  await page.keyboard.press('Tab')
  expect(await focused(page)).toBeUndefined()
  await page.keyboard.press('Shift+Tab')
  expect(await focused(page)).toBe(second)
})

test('the points of a lane are one stop, and keys go from point to point (EN33)', async ({ alice }) => {
  const { page } = alice
  const { bass } = await song(alice, 'Points')
  const points = [0, 4, 8].map((beat) => ({ id: `p${beat}`, beat, value: 0.5 }))
  const lane = newId()
  await write(alice, [{ type: 'set', table: 'automation', id: lane, key: '', value: { id: lane, trackId: bass, parameter: 'volume', points } }])
  await page.getByTestId('track').filter({ hasText: 'Bass' }).getByTestId('automation').click()
  await expect(page.getByTestId('point')).toHaveCount(3)
  await expect(stops(page, '[data-testid=point]')).toHaveCount(1)
  await stops(page, '[data-testid=point]').focus()
  for (const [key, next] of [['Alt+ArrowRight', 'p4'], ['.', 'p8'], ['.', 'p8'], [',', 'p4']]) {
    await page.keyboard.press(key)
    await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement)?.dataset.pointId), key).toBe(next)
  }
  await expect(page.locator('[data-point-id=p8]')).toHaveAttribute('data-beat', '8')
  await expect(stops(page, '[data-testid=point]')).toHaveAttribute('data-point-id', 'p4')
})

test('a list tells all keys, and single letters can be switched off for good (WCAG 2.1.4)', async ({ alice }, info) => {
  const { page } = alice
  const { clips: [first] } = await song(alice, 'Keys')
  const help = page.getByTestId('keys-help')
  await page.keyboard.press('?')
  await expect(help).toBeVisible()
  for (const what of ['Play and stop', 'Split what is selected at the playhead', 'Go to the nearest clip above or below']) {
    await expect(help.getByText(what)).toBeVisible()
  }
  await page.screenshot({ path: info.outputPath('keys.png') })
  const loop = page.getByTestId('loop')
  await expect(loop).toHaveAttribute('title', 'Loop (L)')
  await page.getByTestId('single-keys').uncheck()
  await page.keyboard.press('Escape')
  await expect(help).toBeHidden()
  // Tips name the keys that act, and no others.
  await expect(loop).toHaveAttribute('title', 'Loop')
  await expect(page.getByTestId('play')).toHaveAttribute('title', 'Play and stop (Space)')
  await page.keyboard.press('l')
  await page.keyboard.press('?')
  await expect(loop).toHaveAttribute('aria-pressed', 'false')
  await expect(help).toBeHidden()
  // What has the focus still has its keys, and so has what is held with Ctrl.
  await clipOf(page, first).focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('e')
  await expect(page.locator('.clip-panel')).toBeVisible()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+z')
  await expect(clipOf(page, first)).toHaveAttribute('data-start-beat', '0')
  await page.reload()
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'online')
  await page.keyboard.press('l')
  await page.getByTestId('help-key').click()
  await expect(loop).toHaveAttribute('aria-pressed', 'false')
  await page.getByTestId('single-keys').check()
  await page.keyboard.press('Escape')
  await page.keyboard.press('l')
  await expect(loop).toHaveAttribute('aria-pressed', 'true')
})

test('what is selected is split at the playhead, duplicated and trimmed, one step each', async ({ alice }) => {
  const { page } = alice
  const { clips: [first, second] } = await song(alice, 'Cut')
  const starts = () => page.getByTestId('clip').evaluateAll((all) => all.map((clip) => Number((clip as HTMLElement).dataset.startBeat)).sort((a, b) => a - b))
  await page.keyboard.press('s')
  await expect(page.getByTestId('toast')).toContainText('nothing to split')
  // The playhead a beat into the first clip.
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('ArrowRight')
  await clipOf(page, first).focus()
  await page.keyboard.press('s')
  await expect.poll(starts).toEqual([0, 1, 8, 9, 16])
  await expect(clipOf(page, first)).toHaveAttribute('data-duration-beats', '1')
  await expect(selected(page)).toHaveAttribute('data-duration-beats', '3')
  await page.keyboard.press('Control+z')
  await expect.poll(starts).toEqual([0, 8, 9, 16])
  await expect(clipOf(page, first)).toHaveAttribute('data-duration-beats', '4')

  // The playhead just behind the start of the second, nearer to the line on which that begins than to any other.
  const ruler = (await page.getByTestId('ruler').boundingBox())!
  const [from, to] = [(await clipOf(page, second).boundingBox())!, (await clipOf(page, first).boundingBox())!]
  await page.keyboard.down('Alt')
  await page.mouse.click(from.x + to.width / 40, ruler.y + 24)
  await page.keyboard.up('Alt')
  await clipOf(page, second).focus()
  await page.keyboard.press('s')
  await expect(clipOf(page, second)).not.toHaveAttribute('data-duration-beats', '4')
  expect(Number(await clipOf(page, second).getAttribute('data-duration-beats'))).toBeLessThan(0.125)
  await page.keyboard.press('Control+z')
  await expect.poll(starts).toEqual([0, 8, 9, 16])

  await clipOf(page, second).focus()
  await page.keyboard.press('Control+d')
  await expect.poll(starts).toEqual([0, 8, 9, 12, 16])
  await expect(selected(page)).toHaveAttribute('data-start-beat', '12')
  await page.keyboard.press('Control+z')
  await expect.poll(starts).toEqual([0, 8, 9, 16])

  await clipOf(page, first).focus()
  await clipOf(page, second).focus()
  await page.keyboard.press('Alt+Shift+ArrowLeft')
  await expect(clipOf(page, second)).toHaveAttribute('data-duration-beats', '3.75')
  await page.keyboard.press('Control+Shift+ArrowRight')
  await expect(clipOf(page, second)).toHaveAttribute('data-start-beat', '8.25')
  await expect(clipOf(page, second)).toHaveAttribute('data-duration-beats', '3.5')
  await expect.poll(async () => (await read(alice, 'clips', second)).durationBeats).toBe(3.5)

  // A fade that is too long for a moment is as long as before in the end.
  await write(alice, [{ type: 'set', table: 'clips', id: first, key: 'fadeOut', value: 4 }])
  const fade = async () => (await read(alice, 'clips', first)).fadeOut
  await clipOf(page, first).focus()
  for (const [key, length] of [['ArrowLeft', 3.75], ['ArrowLeft', 3.5], ['ArrowRight', 3.75], ['ArrowRight', 4]] as const) {
    await page.keyboard.press(`Alt+Shift+${key}`)
    await expect.poll(fade).toBe(length)
  }
  expect(alice.complaints).toEqual([])
})

test('buttons split and duplicate what is selected: in the toolbar, and in a clip’s panel, also on a phone', async ({ alice }, info) => {
  const { page } = alice
  const { clips: [first] } = await song(alice, 'By buttons')
  const starts = () => page.getByTestId('clip').evaluateAll((all) => all.map((clip) => Number((clip as HTMLElement).dataset.startBeat)).sort((a, b) => a - b))
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('ArrowRight')
  await expect(page.getByTestId('split')).toHaveCount(0)
  await clipOf(page, first).focus()
  await page.getByTestId('split').click()
  await expect.poll(starts).toEqual([0, 1, 8, 9, 16])
  await page.keyboard.press('Control+z')
  await expect.poll(starts).toEqual([0, 8, 9, 16])
  await clipOf(page, first).focus()
  await page.getByTestId('duplicate').click()
  await expect.poll(starts).toEqual([0, 4, 8, 9, 16])
  await page.keyboard.press('Control+z')
  await page.screenshot({ path: info.outputPath('toolbar.png') })

  await page.setViewportSize({ width: 390, height: 844 })
  await clipOf(page, first).focus()
  await page.screenshot({ path: info.outputPath('phone.png') })
  const isLarge = async (button: string) => {
    const { x, width, height } = (await page.getByTestId(button).boundingBox())!
    return width >= 44 && height >= 44 && x + width <= 390
  }
  for (const button of ['add-track', 'split', 'duplicate', 'zoom-in']) expect(await isLarge(button), button).toBe(true)
  await clipOf(page, first).focus()
  await page.keyboard.press('e')
  for (const button of ['split-clip', 'duplicate-clip']) expect(await isLarge(button), button).toBe(true)
  await page.getByTestId('split-clip').click()
  await expect.poll(starts).toEqual([0, 1, 8, 9, 16])
  await expect(page.getByTestId('clip-panel')).toHaveCount(0)
  expect(alice.complaints).toEqual([])
})

test('more clips than one transaction takes are moved and deleted in one step, and each says which of all it is', async ({ alice }) => {
  const { page } = alice
  const project = await newProject(alice, 'Very many')
  const tracks = [await newTrack(alice, project, 'Bass'), await newTrack(alice, project, 'Keys')]
  const ids = Array.from({ length: 2_100 }, () => newId())
  const create = (id: string, n: number) => {
    const value = { id, trackId: tracks[n < 2_000 ? 0 : 1], name: `Clip ${n}`, startBeat: (n % 2_000) * 2, durationBeats: 1 }
    return { type: 'set', table: 'clips', id, key: '', value }
  }
  for (let at = 0; at < ids.length; at += 1_000) await write(alice, ids.slice(at, at + 1_000).map((id, n) => create(id, at + n)))
  await open(alice, project)
  const list = (count: number) => page.getByRole('listbox', { name: `Clips, ${count} in all` })
  await expect(list(2_100)).toBeVisible()
  await expect(clipOf(page, ids[3])).toHaveAttribute('aria-posinset', '4')
  await expect(clipOf(page, ids[2_003])).toHaveAttribute('aria-posinset', '2004')
  await expect(clipOf(page, ids[2_003])).toHaveAttribute('aria-setsize', '2100')
  const starts = () => Promise.all([ids[0], ids[1_999], ids[2_099]].map(async (id) => (await read(alice, 'clips', id)).startBeat))
  await clipOf(page, ids[0]).focus()
  await page.keyboard.press('Control+a')
  await page.keyboard.press('ArrowRight')
  await expect.poll(starts).toEqual([0.25, 3_998.25, 198.25])
  await page.keyboard.press('Control+z')
  await expect.poll(starts).toEqual([0, 3_998, 198])
  await page.keyboard.press('Delete')
  await expect(page.getByTestId('toast')).toContainText('2100 clips were deleted')
  await expect(list(0)).toHaveCount(1)
  await page.keyboard.press('Control+z')
  await expect(list(2_100)).toHaveCount(1)
  expect(alice.complaints).toEqual([])
})

test('clips whose notes weigh more than one transaction takes are pasted in one step', async ({ alice }) => {
  test.setTimeout(120_000)
  const { page } = alice
  const project = await newProject(alice, 'Heavy')
  const track = await newTrack(alice, project, 'Keys', { type: 'midi' })
  // Together far above the 8 MiB of a frame, each far below.
  const notes = Array.from({ length: 20_000 }, (_, n) => ({ id: `n${n}`, pitch: 60, startBeat: n / 8_000, durationBeats: 1 }))
  for (let n = 0; n < 7; n++) await newClip(alice, track, `Heavy ${n}`, { startBeat: n * 4, midiData: { notes } })
  await open(alice, project)
  const clips = page.getByTestId('clip')
  await expect(clips).toHaveCount(7)
  await clips.first().focus()
  await page.keyboard.press('Control+a')
  await page.keyboard.press('Control+c')
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('Shift+ArrowRight')
  await page.keyboard.press('Control+v')
  await expect(clips).toHaveCount(14, { timeout: 20_000 })
  await expect(page.getByTestId('toast')).toHaveCount(0)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 60_000 })
  await expect(page.getByTestId('undo')).toHaveAttribute('aria-label', 'Undo Paste clips')
  await page.keyboard.press('Control+z')
  await expect(clips).toHaveCount(7)
  await expect(page.getByTestId('sync-state')).toHaveText('Saved', { timeout: 60_000 })
  await page.keyboard.press('Control+Shift+z')
  await expect(clips).toHaveCount(14)
  expect(alice.complaints).toEqual([])
})

test('clips are copied and cut, and pasted at the playhead in one step', async ({ alice }) => {
  const { page } = alice
  const { bass, clips: [first, second, third] } = await song(alice, 'Paste')
  const starts = () => page.getByTestId('clip').evaluateAll((all) => all.map((clip) => Number((clip as HTMLElement).dataset.startBeat)).sort((a, b) => a - b))
  await page.keyboard.press('Control+v')
  await expect(page.getByTestId('toast')).toContainText('nothing to paste')
  await clipOf(page, first).click()
  await clipOf(page, second).click({ modifiers: ['Shift'] })
  await expect(selected(page)).toHaveCount(2)
  await page.keyboard.press('Control+c')
  // The playhead a bar in.
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('Shift+ArrowRight')
  await page.keyboard.press('Control+v')
  await expect.poll(starts).toEqual([0, 4, 8, 9, 12, 16])
  await expect(selected(page)).toHaveCount(2)
  expect(await selected(page).evaluateAll((all) => all.map((clip) => (clip as HTMLElement).dataset.trackId))).toEqual([bass, bass])
  await page.keyboard.press('Control+z')
  await expect.poll(starts).toEqual([0, 8, 9, 16])

  await clipOf(page, third).focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('Control+x')
  await expect.poll(starts).toEqual([0, 8, 9])
  await page.getByTestId('ruler').focus()
  await page.keyboard.press('Control+v')
  await expect.poll(starts).toEqual([0, 4, 8, 9])
  // Where text is selected that is copied, and the clip of before is what is pasted: not these two.
  await clipOf(page, first).click()
  await clipOf(page, second).click({ modifiers: ['Shift'] })
  await expect(selected(page)).toHaveCount(2)
  await page.getByTestId('ruler').focus()
  await page.evaluate(() => getSelection()!.selectAllChildren(document.querySelector('.head-name')!))
  await page.keyboard.press('Control+c')
  await page.evaluate(() => getSelection()!.removeAllRanges())
  await page.keyboard.press('Shift+ArrowRight')
  await page.keyboard.press('Control+v')
  await expect.poll(starts).toEqual([0, 4, 8, 8, 9])
  expect(alice.complaints).toEqual([])
})

test('a clip is trimmed by its ends, and a frame selects what it touches', async ({ alice }) => {
  const { page } = alice
  const { clips: [first, second] } = await song(alice, 'By hand')
  const box = (await clipOf(page, second).boundingBox())!
  const beat = box.width / 4
  const drag = async (x: number, y: number, by: number, down = 0) => {
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + by / 2, y + down / 2, { steps: 4 })
    await page.mouse.move(x + by, y + down, { steps: 4 })
    await page.mouse.up()
  }
  const low = box.y + box.height * 0.8
  await drag(box.x + box.width - 2, low, -beat)
  await expect(clipOf(page, second)).toHaveAttribute('data-duration-beats', '3')
  await drag(box.x + 2, low, beat)
  await expect(clipOf(page, second)).toHaveAttribute('data-start-beat', '9')
  await expect(clipOf(page, second)).toHaveAttribute('data-duration-beats', '2')
  await page.keyboard.press('Control+z')
  await page.keyboard.press('Control+z')
  await expect(clipOf(page, second)).toHaveAttribute('data-duration-beats', '4')
  await expect(clipOf(page, second)).toHaveAttribute('data-start-beat', '8')

  // From nothing over the second clip and what lies below it; not as far as the others.
  await page.keyboard.down('Shift')
  await drag(box.x - beat, box.y + 4, beat * 3, box.height + 20)
  await page.keyboard.up('Shift')
  await expect(selected(page)).toHaveCount(2)
  await expect(clipOf(page, first)).toHaveAttribute('aria-selected', 'false')
  expect(alice.complaints).toEqual([])
})
