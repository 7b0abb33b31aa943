// What really comes out of the browser, sample by sample: the song that `unisono render` writes, and no click while hands are at work.
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Page } from '@playwright/test'
import { expect, newClip, newProject, newTrack, open, test, upload, type Musician } from './band'
import { faderOf } from './duet'
import { sineWav } from './recordings'
import { floats, frames, largestBend, played, putTapeBehind, whole, withoutUnderruns, type Recorded } from './tape'

// As long as it sounds, up to three times, and the machine may be busy.
test.describe.configure({ timeout: 600_000 })

const run = promisify(execFile)
const unisono = resolve(process.env.UNISONO_BINARY ?? 'target/release/unisono')
const DEMO = 'demo-last-ferry-home'
const RATE = 48_000
/** Seconds of the demo song that are compared. */
const SECONDS = 20

/** What `unisono render` makes of a project, what it says of it, and how many recordings it plays. */
async function rendered(project: string, options: string[]) {
  const folder = join(tmpdir(), `unisono-e2e-heard-${project}`)
  const file = `${folder}.wav`
  try {
    await run(unisono, ['archive', project, '--data', process.env.UNISONO_E2E_DATA!, '-o', folder])
    const { stdout } = await run(unisono, ['render', folder, '-o', file, '--bits', '32f', '--json', ...options])
    const { recordMap } = JSON.parse(await readFile(join(folder, 'project.json'), 'utf8'))
    const recordings = new Set(Object.values(recordMap.clips as object).map((clip) => clip.audioFileId)).size
    return { ...floats(await readFile(file)), frames: JSON.parse(stdout).frames as number, recordings }
  } finally {
    await Promise.all([folder, file].map((path) => rm(path, { recursive: true, force: true })))
  }
}

const loudest = ({ left, right }: Recorded) =>
  [left, right].reduce((most, plane) => plane.reduce((most, sample) => Math.max(most, Math.abs(sample)), most), 0)

/** Waits until so many seconds more have been recorded. */
async function passes(page: Page, seconds: number) {
  const until = (await frames(page)) + seconds * RATE
  await expect.poll(() => frames(page), { timeout: 30_000 + seconds * 2_000, intervals: [100] }).toBeGreaterThan(until)
}

test('the demo song comes out of the browser as unisono render writes it, sample by sample (EN9, EN40)', async ({ alice }) => {
  const { page } = alice
  const file = await rendered(DEMO, ['--range', `0s..${SECONDS}s`, '--tail', '0'])
  await putTapeBehind(page)
  await open(alice, DEMO)
  // The first press has the recordings brought; what is compared is played once all of them are there.
  await page.getByTestId('play').click()
  await expect.poll(() => whole(page), { timeout: 60_000 }).toBe(file.recordings)
  const heard = await withoutUnderruns(page, async () => {
    await page.getByTestId('stop').click()
    await page.getByTestId('to-start').click()
    await passes(page, 1)
    const from = await frames(page)
    await page.getByTestId('play').click()
    await passes(page, SECONDS + 2)
    return played(page, from)
  })
  // The tape runs before the song does: it begins where it is no longer silent.
  const begins = ({ left, right }: Recorded) => left.findIndex((sample, n) => sample !== 0 || right[n] !== 0)
  const late = begins(heard) - begins(file)
  expect(late, 'the tape has the beginning').toBeGreaterThan(0)
  expect(heard.left.length, 'the tape has the end').toBeGreaterThan(late + file.frames)
  let different = 0
  for (let n = 0; n < file.frames; n++) {
    if (heard.left[late + n] !== file.left[n] || heard.right[late + n] !== file.right[n]) different++
  }
  expect(different, `of ${file.frames} frames`).toBe(0)
  expect(loudest(file), 'there is something to compare').toBeGreaterThan(0.25)
  expect(alice.complaints).toEqual([])
})

/** Tones whose every sample follows from the two before it, so that a click cannot hide: hertz and level. */
const TONES = [
  { name: 'Low', hz: 110, level: 0.15 },
  { name: 'Mid', hz: 164.81, level: 0.1 },
  { name: 'High', hz: 329.63, level: 0.1 },
]

/**
 * The most that a tone bends, the most by which it may have been raised, and the kinks of fades over 5 ms where all of them begin or end at
 * once, in both of what is crossfaded; and 16 bits.
 */
const BEND_MAX = TONES.reduce((sum, { hz, level }) => sum + level * ((2 * Math.PI * hz / RATE) ** 2 + 2 / (0.005 * RATE)), 0) + 4 / 32768

async function tones(alice: Musician, name: string) {
  const project = await newProject(alice, name, { bpm: 120, sampleRate: RATE })
  const tracks: string[] = []
  for (const { name, hz, level } of TONES) {
    const file = await upload(alice, project, `${name}.wav`, sineWav({ seconds: 120, hz, level, channels: 1 }))
    const track = await newTrack(alice, project, name)
    await newClip(alice, track, name, { audioFileId: file.id, durationBeats: 240 })
    tracks.push(track)
  }
  await putTapeBehind(alice.page)
  await open(alice, project)
  return { project, tracks }
}

/** Waits until the tones are heard: where they begin they do so with a bend. */
async function sounds(page: Page) {
  await expect.poll(async () => loudest(await played(page, Math.max(0, (await frames(page)) - 8192))), { timeout: 30_000 }).toBeGreaterThan(0.05)
  await passes(page, 0.3)
}

/** Lets a hand do something while it plays, and says how far the sound bends meanwhile. */
async function bendOf(page: Page, hand: () => Promise<unknown>) {
  const heard = await withoutUnderruns(page, async () => {
    const from = await frames(page)
    await hand()
    await passes(page, 0.5)
    return played(page, from)
  })
  expect(loudest(heard), 'it sounds').toBeGreaterThan(0.05)
  return largestBend(heard).bend
}

test('nothing clicks while one stops, seeks, loops, mutes, solos and moves faders (EN7, EN10, EN11)', async ({ alice }) => {
  const { page } = alice
  const { tracks } = await tones(alice, 'No clicks by hand')
  const strip = (n: number) => page.locator(`[data-testid=strip][data-track-id="${tracks[n]}"]`)
  const ruler = page.getByTestId('ruler')
  await page.getByTestId('play').click()
  await sounds(page)
  const bends: { [hand: string]: number } = {}
  bends.nothing = await bendOf(page, () => passes(page, 0.5))
  bends.seek = await bendOf(page, async () => {
    await ruler.focus()
    for (let n = 0; n < 4; n++) await page.keyboard.press(n % 2 ? 'Shift+ArrowLeft' : 'ArrowRight')
  })
  for (const what of ['mute', 'solo']) {
    bends[what] = await bendOf(page, async () => {
      for (let n = 0; n < 2; n++) {
        await strip(0).getByTestId(what).click()
        await passes(page, 0.3)
      }
    })
  }
  for (const [name, n] of [['fader', 0], ['other fader', 2]] as const) {
    bends[name] = await bendOf(page, async () => {
      const box = (await faderOf(page, tracks[n]).boundingBox())!
      const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
      await page.mouse.move(at.x, at.y)
      await page.mouse.down()
      for (const y of [40, -40, 60]) await page.mouse.move(at.x, at.y + y, { steps: 6 })
      await page.mouse.up()
    })
  }
  bends.stop = await bendOf(page, async () => {
    await page.getByTestId('stop').click()
    await passes(page, 0.3)
    await page.getByTestId('play').click()
  })
  // A loop of a bar, whose borders no tone fits.
  await page.getByTestId('stop').click()
  await page.getByTestId('to-start').click()
  await ruler.focus()
  await page.keyboard.press('Shift+ArrowRight')
  await page.locator('body').press('[')
  await ruler.focus()
  await page.keyboard.press('Shift+ArrowRight')
  await page.locator('body').press(']')
  await expect(page.getByTestId('loop')).toHaveAttribute('aria-pressed', 'true')
  await page.keyboard.press('Shift+ArrowLeft')
  await ruler.blur()
  await page.getByTestId('play').click()
  await sounds(page)
  bends.loop = await bendOf(page, () => passes(page, 5))
  expect(Object.entries(bends).filter(([, bend]) => bend > BEND_MAX)).toEqual([])
  expect(bends.nothing).toBeLessThan(BEND_MAX / 4)
  expect(alice.complaints).toEqual([])
})

test('nothing clicks while effects come, are passed by, come back and go (EN34)', async ({ alice }) => {
  const { page } = alice
  const { tracks } = await tones(alice, 'No clicks in the rack')
  await page.getByTestId('play').click()
  await sounds(page)
  await page.locator(`[data-testid=strip][data-track-id="${tracks[1]}"]`).getByTestId('rack-button').click()
  const rack = page.getByTestId('rack')
  const choice = rack.getByTestId('add-effect')
  const kinds = await choice.locator('option').evaluateAll((all) => all.map((it) => (it as HTMLOptionElement).value).filter(Boolean))
  expect(kinds.length).toBeGreaterThan(9)
  const device = rack.getByTestId('device')
  const power = device.locator('.effect-power')
  const clicks: string[] = []
  for (const kind of kinds) {
    const { heard, steps } = await withoutUnderruns(page, async () => {
      const from = await frames(page)
      const steps: { name: string; at: number }[] = []
      // An echo comes later.
      for (const [name, seconds, hand] of [
        ['comes', 0.7, () => choice.selectOption(kind)],
        ['is passed by', 0.2, () => power.click()],
        ['is back', 0.7, () => power.click()],
        ['goes', 0.2, () => device.getByRole('button', { name: /^Remove/ }).click()],
      ] as const) {
        steps.push({ name, at: (await frames(page)) - from })
        await hand()
        await passes(page, seconds)
      }
      return { heard: await played(page, from), steps }
    })
    expect(loudest(heard), `it sounds while ${kind} comes and goes`).toBeGreaterThan(0.05)
    const { bend, at } = largestBend(heard)
    const step = steps.filter((step) => step.at <= at).at(-1)?.name
    if (bend > BEND_MAX) clicks.push(`${kind} ${step}: ${bend}`)
  }
  expect(clicks, `more than ${BEND_MAX}`).toEqual([])
  expect(alice.complaints).toEqual([])
})
