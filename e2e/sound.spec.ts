// From a file in the hand to sound out of the loudspeaker.
import type { Page } from '@playwright/test'
import { expect, invite, newProject, open, test, USER_2, type Musician } from './band'
import { listen, putEarTo } from './ear'
import { brokenWav, sineWav } from './recordings'

/** Picks files with the button, as somebody without a pointer to drop them with would. */
async function importFile(page: Page, name: string, buffer: Buffer) {
  const chooser = page.waitForEvent('filechooser')
  await page.getByTestId('import').click()
  await (await chooser).setFiles({ name, mimeType: 'audio/wav', buffer })
}

/** What is heard at some moment between two seconds of the song; a busy machine may miss many such moments. */
async function heardBetween(page: Page, from: number, to: number) {
  let heard = await listen(page)
  const isThere = async () => {
    heard = await listen(page)
    return heard.at > from && heard.at < to
  }
  await expect.poll(isThere, { timeout: 60_000, intervals: [50], message: `from ${from} to ${to} s` }).toBe(true)
  return heard
}

/** How unlike its surroundings the clip is painted at one place: the distance of colours, 0 to 441. */
async function ink(page: Page, clip: { x: number; y: number; width: number; height: number }, at: number, background: number) {
  return page.evaluate(
    ({ clip, at, background }) => {
      const canvas = document.querySelector('canvas.lanes-canvas') as HTMLCanvasElement
      const frame = canvas.getBoundingClientRect()
      const scale = canvas.width / frame.width
      const context = canvas.getContext('2d')!
      const colour = (share: number) => {
        const x = (clip.x - frame.x + clip.width * share) * scale
        // Between the middle line and the edge: a loud waveform reaches it, silence does not.
        const y = (clip.y - frame.y + clip.height * 0.7) * scale
        const { data } = context.getImageData(Math.round(x) - 2, Math.round(y) - 1, 5, 3)
        const sum = [0, 0, 0]
        for (let n = 0; n < data.length; n += 4) {
          // The canvas lies over the page: what one sees of it is its colour times its opacity.
          for (let c = 0; c < 3; c++) sum[c] += (data[n + c] * data[n + 3]) / 255 / (data.length / 4)
        }
        return sum
      }
      const [a, b] = [colour(at), colour(background)]
      return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
    },
    { clip, at, background },
  )
}

/** A recording whose first half is silent and whose second half is a sine at half of full scale. */
function halfSilent(seconds: number): Buffer {
  const wav = sineWav({ seconds, level: 0.5 })
  wav.fill(0, 44, 44 + Math.floor((wav.length - 44) / 8) * 4)
  return wav
}

async function emptyProject(alice: Musician, name: string) {
  await putEarTo(alice.page)
  const project = await newProject(alice, name)
  await open(alice, project)
  return project
}

test('a recording is dropped in, its waveform is drawn, and it sounds as loud as it is', async ({ alice }) => {
  const { page } = alice
  await emptyProject(alice, 'First take')
  await importFile(page, 'take.wav', halfSilent(24))
  const clip = page.getByTestId('clip')
  await expect(clip).toHaveCount(1)
  await expect(clip).toHaveAttribute('data-duration-beats', '48')
  // Where the clip is may change until the view has settled on the new length of the song.
  const waveform = async () => ink(page, (await clip.boundingBox())!, 0.75, 0.25)
  await expect.poll(waveform, { message: 'the loud half shows, the silent one does not' }).toBeGreaterThan(40)

  await page.getByTestId('play').click()
  expect((await heardBetween(page, 1, 10)).peak, 'the silent half').toBeLessThan(0.001)
  const heard = await heardBetween(page, 14, 22)
  // Stereo through a track at unity and pan in the middle: as it was recorded, within what a window may miss.
  expect(heard.peak).toBeGreaterThan(0.498)
  expect(heard.peak).toBeLessThan(0.502)
  expect(heard.rms).toBeGreaterThan(0.5 / Math.SQRT2 - 0.005)
  expect(heard.rms).toBeLessThan(0.5 / Math.SQRT2 + 0.005)
  const shown = async () => Number(await page.getByTestId('meter-master').getAttribute('data-peak-db'))
  await expect.poll(async () => Math.abs((await shown()) + 6)).toBeLessThan(0.1)

  await page.getByTestId('stop').click()
  await expect.poll(async () => (await listen(page)).peak).toBeLessThan(0.001)
  expect(alice.complaints).toEqual([])
})

test('another person hears what was dropped in', async ({ alice, bob }) => {
  const project = await emptyProject(alice, 'For two ears')
  await importFile(alice.page, 'take.wav', sineWav({ seconds: 20, level: 0.25, sampleRate: 44_100, channels: 1 }))
  await expect(alice.page.getByTestId('clip')).toHaveCount(1)
  await invite(alice, project, USER_2)
  await putEarTo(bob.page)
  await open(bob, project)
  await expect(bob.page.getByTestId('clip')).toHaveCount(1)
  await bob.page.getByTestId('play').click()
  await expect.poll(async () => (await listen(bob.page)).peak, { timeout: 20_000 }).toBeGreaterThan(0.1)
  expect((await listen(bob.page)).peak).toBeLessThan(0.26)
})

test('a file that is no recording is refused with a clear message', async ({ alice }) => {
  const { page } = alice
  await emptyProject(alice, 'Broken')
  await importFile(page, 'broken.wav', brokenWav())
  const toast = page.getByTestId('toast').filter({ hasText: 'broken.wav' })
  await expect(toast).toBeVisible({ timeout: 20_000 })
  await expect(toast).toHaveAttribute('role', 'alert')
  // The studio goes on.
  await importFile(page, 'fine.wav', sineWav({ seconds: 1 }))
  await expect(page.getByTestId('clip').last()).toHaveAttribute('aria-label', /fine/)
  await expect(page.locator('[name=bpm]')).toBeEditable()
})

test('a recording dropped onto the lanes begins where it was dropped', async ({ alice }) => {
  const { page } = alice
  await emptyProject(alice, 'Dropped')
  const lanes = (await page.locator('.lanes').boundingBox())!
  const transfer = await page.evaluateHandle((bytes) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.wav', { type: 'audio/wav' }))
    return transfer
  }, [...sineWav({ seconds: 0.5, sampleRate: 8000, channels: 1 })])
  const place = { dataTransfer: transfer, clientX: lanes.x + lanes.width / 3, clientY: lanes.y + 20 }
  await page.locator('.lanes').dispatchEvent('dragover', place)
  await page.locator('.lanes').dispatchEvent('drop', place)
  const clip = page.getByTestId('clip')
  await expect(clip).toHaveCount(1)
  const start = Number(await clip.getAttribute('data-start-beat'))
  expect(start).toBeGreaterThan(0)
  expect(start * 4, 'on the grid').toBe(Math.round(start * 4))
  expect((await clip.boundingBox())!.x).toBeCloseTo(place.clientX, -1)
})

test('a device that is not allowed to run is asked again by the next press of Play', async ({ alice }) => {
  const { page } = alice
  await emptyProject(alice, 'During a call')
  await importFile(page, 'take.wav', sineWav({ seconds: 30, level: 0.5 }))
  await page.getByTestId('play').click()
  await expect.poll(async () => (await listen(page)).peak, { timeout: 20_000 }).toBeGreaterThan(0.4)
  await page.getByTestId('stop').click()
  // Something takes the device away. The first that asks for it is answered only once it runs again, as browsers do.
  await page.evaluate(async () => {
    const resume = AudioContext.prototype.resume
    let asked = 0
    AudioContext.prototype.resume = function () {
      if (asked++ > 0) return resume.call(this)
      return new Promise((runs) => this.addEventListener('statechange', () => this.state === 'running' && runs()))
    }
    await ((window as any).ear.context as AudioContext).suspend()
  })
  const state = () => page.evaluate(() => (window as any).ear.context.state)
  await page.getByTestId('play').click()
  await page.waitForTimeout(500)
  expect(await state()).toBe('suspended')
  await page.getByTestId('stop').click()
  await page.getByTestId('play').click()
  await expect.poll(state).toBe('running')
  await expect.poll(async () => (await listen(page)).peak, { timeout: 20_000 }).toBeGreaterThan(0.4)
  await page.getByTestId('stop').click()
  expect(alice.complaints).toEqual([])
})
