// A song whose recordings are read ahead of playing instead of lying in memory: here all of them, by a setting that only tests know.
import { expect, newClip, newProject, newTrack, open, test, upload, type Musician } from './band'
import { listen, putEarTo } from './ear'
import { sineWav } from './recordings'

const SECONDS = 60
/** Seconds that have one level, and the levels that follow one another: by its level one hears where one is. */
const STEP_SECONDS = 4
const LEVELS = [0.5, 0.1, 0.35, 0.2]
/** Beats at 120 a minute. */
const beats = (seconds: number) => seconds * 2

const levelAt = (seconds: number) => LEVELS[Math.floor(seconds / STEP_SECONDS) % LEVELS.length]

/** A tone in steps; the bytes of each test are its own, so that nothing of them is on the server already. */
function steps(hz: number): Buffer {
  const wav = sineWav({ seconds: SECONDS, hz, level: 1 })
  for (let at = 44; at < wav.length; at += 2) {
    wav.writeInt16LE(Math.round(wav.readInt16LE(at) * levelAt((at - 44) / (4 * 48_000))), at)
  }
  return wav
}

/** A project of one recording, all of which is read ahead. */
async function longSong(alice: Musician, name: string, hz: number): Promise<string> {
  await putEarTo(alice.page)
  await alice.page.addInitScript(() => localStorage.setItem('unisono.sound.whole_bytes', '0'))
  const project = await newProject(alice, name, { bpm: 120 })
  const file = await upload(alice, project, `${name}.wav`, steps(hz))
  const track = await newTrack(alice, project, 'Long')
  await newClip(alice, track, 'Long', { audioFileId: file.id, durationBeats: beats(SECONDS) })
  return project
}

async function position({ page }: Musician): Promise<number> {
  const text = await page.getByTestId('position').locator('.lcd-time').textContent()
  const [minutes, seconds] = text!.split(':')
  return Number(minutes) * 60 + Number(seconds)
}

const gaps = async ({ page }: Musician) => Number(await page.getByTestId('gaps').textContent())
const reads = ({ page }: Musician) => page.workers().filter((worker) => worker.url().includes('read_ahead')).length

/** Waits until what is heard has the level of where playing is, well within a step. */
async function hearsItsPlace(alice: Musician) {
  await expect
    .poll(async () => {
      const at = await position(alice)
      if (at % STEP_SECONDS < 1 || at % STEP_SECONDS > STEP_SECONDS - 0.5) return 'near a border'
      const { peak } = await listen(alice.page)
      return Math.abs(peak - levelAt(at)) < 0.02 ? 'right' : `${peak} at ${at} s`
    }, { timeout: 60_000, intervals: [100] })
    .toBe('right')
}

/** Goes on by so many bars of two seconds, as fast as keys are pressed. */
async function jump({ page }: Musician, bars: number) {
  await page.getByTestId('ruler').focus()
  for (let n = 0; n < Math.abs(bars); n++) await page.keyboard.press(bars > 0 ? 'Shift+ArrowRight' : 'Shift+ArrowLeft')
}

test('a song that is read ahead plays, jumps and loops without a gap (EN37, EN38)', async ({ alice }) => {
  const project = await longSong(alice, 'From the disk', 440)
  await open(alice, project)
  await alice.page.getByTestId('play').click()
  await hearsItsPlace(alice)
  expect(reads(alice)).toBe(1)
  // Once it is on this device it is read from there.
  for (const bars of [9, -4, 15]) {
    await jump(alice, bars)
    await hearsItsPlace(alice)
  }
  // A loop of two bars whose end is reached twice.
  const ruler = alice.page.getByTestId('ruler')
  await alice.page.getByTestId('stop').click()
  await alice.page.getByTestId('to-start').click()
  await jump(alice, 3)
  await alice.page.locator('body').press('[')
  await jump(alice, 2)
  await alice.page.locator('body').press(']')
  await expect(alice.page.getByTestId('loop')).toHaveAttribute('aria-pressed', 'true')
  await jump(alice, -1)
  await ruler.blur()
  await alice.page.getByTestId('play').click()
  for (let round = 0; round < 2; round++) {
    // Each lasts a second or so of every turn.
    const often = { timeout: 60_000, intervals: [50] }
    await expect.poll(() => position(alice), often).toBeGreaterThan(9)
    await expect.poll(() => position(alice), often).toBeLessThan(7.5)
    await hearsItsPlace(alice)
  }
  expect(await gaps(alice)).toBe(0)
  expect(alice.complaints).toEqual([])
})

test('a slow network is waited for, a cut one is said, and the sound comes back with it (EN38)', async ({ alice }) => {
  const project = await longSong(alice, 'From the network', 523)
  let line: 'slow' | 'cut' = 'slow'
  let ranges = 0
  await alice.context.route('**/content/playback**', async (route) => {
    // Only what is read ahead: nothing is brought to this device.
    if (!(await route.request().headerValue('range'))) return route.abort('internetdisconnected')
    if (line === 'cut') return route.abort('internetdisconnected')
    ranges++
    await new Promise((done) => setTimeout(done, 150))
    await route.continue()
  })
  await open(alice, project)
  await alice.page.getByTestId('play').click()
  await hearsItsPlace(alice)
  await jump(alice, 6)
  await hearsItsPlace(alice)
  expect([await gaps(alice), ranges > 2]).toEqual([0, true])

  line = 'cut'
  const before = ranges
  await jump(alice, 12)
  // Nothing of it is here: it begins all the same, and it is said why it is silent.
  await expect(alice.page.getByText('Recordings came too late to be heard whole')).toBeVisible({ timeout: 20_000 })
  await expect.poll(async () => (await listen(alice.page)).peak).toBeLessThan(0.001)
  expect([(await gaps(alice)) > 0, ranges]).toEqual([true, before])

  line = 'slow'
  await hearsItsPlace(alice)
  expect(ranges).toBeGreaterThan(before)
})

test('Play waits for a short recording also when one goes elsewhere meanwhile, and begins there (EN37)', async ({ alice }) => {
  const { page } = alice
  await putEarTo(page)
  await page.addInitScript(() => localStorage.setItem('unisono.sound.whole_bytes', '1000000'))
  const project = await newProject(alice, 'Long and short', { bpm: 120 })
  const long = await upload(alice, project, 'long.wav', sineWav({ seconds: 40, hz: 311, level: 0.1 }))
  const short = await upload(alice, project, 'short.wav', sineWav({ seconds: 4, hz: 701, level: 0.6, channels: 1 }))
  const track = await newTrack(alice, project, 'Both')
  await newClip(alice, track, 'Long', { audioFileId: long.id, durationBeats: 80 })
  for (const startBeat of [0, 16]) await newClip(alice, track, 'Short', { audioFileId: short.id, startBeat, durationBeats: 8 })
  let arrive = () => {}
  const arrived = new Promise<void>((done) => (arrive = done))
  await alice.context.route('**/content/playback**', async (route) => {
    // What is read ahead is here at once.
    if (!(await route.request().headerValue('range'))) await arrived
    await route.continue()
  })
  await open(alice, project)
  await page.getByTestId('play').click()
  await jump(alice, 4)
  await new Promise((done) => setTimeout(done, 500))
  expect([(await listen(page)).peak, await position(alice)]).toEqual([0, 8])
  arrive()
  await expect.poll(async () => (await listen(page)).peak).toBeGreaterThan(0.5)
  expect(await position(alice)).toBeGreaterThanOrEqual(8)
  expect(alice.complaints).toEqual([])
})
